import type { ServerWritableStream } from "@grpc/grpc-js";
import { Channel, ExecuteResponse, type Event, type ExecuteRequest } from "@executor-host/proto/executor";
import { encodeOutputFrame } from "@executor-host/proto/shared/frame";
import { toTimestamp } from "@executor-host/proto/shared/time";
import type { EventSink, ExecutionEvent } from "../runtime/event.ts";
import { toResult, toStruct, toUsage } from "./convert.ts";

const channels = { stdout: Channel.STDOUT, stderr: Channel.STDERR } as const;

/** Sends the events of one execution through its gRPC stream. */
export class StreamSink implements EventSink {
  readonly #call: ServerWritableStream<ExecuteRequest, Buffer>;

  constructor(call: ServerWritableStream<ExecuteRequest, Buffer>) {
    this.#call = call;
  }

  write(event: ExecutionEvent): boolean {
    if (this.#isGone) return true;
    const room = this.#call.write(encode(event));
    if (event.type === "result") this.#call.end();
    return room;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isGone || !this.#call.writableNeedDrain) return resolve();
      const events = ["drain", "cancelled", "close"];
      const done = (): void => {
        for (const event of events) this.#call.off(event, done);
        resolve();
      };
      for (const event of events) this.#call.on(event, done);
    });
  }

  get #isGone(): boolean {
    return this.#call.cancelled || this.#call.destroyed;
  }
}

/** An encoded ExecuteResponse. Output is the bulk of it, and goes past the encoder. */
function encode(event: ExecutionEvent): Buffer {
  if (event.type === "output") {
    return encodeOutputFrame(event.sequence, event.timeMs, channels[event.channel], event.offset, event.data);
  }
  const message = { event: { sequence: event.sequence, time: toTimestamp(event.timeMs), kind: toKind(event) } };
  return Buffer.from(ExecuteResponse.encode(message).finish());
}

function toKind(event: Exclude<ExecutionEvent, { type: "output" }>): Event["kind"] {
  switch (event.type) {
    case "started":
      return { $case: "started", value: { target: event.target } };
    case "progress":
      return {
        $case: "progress",
        value: { fraction: event.fraction, message: event.message ?? "", details: toStruct(event.details) },
      };
    case "result":
      return { $case: "result", value: toResult(event.report) };
    case "usage":
      return { $case: "usage", value: toUsage(event) };
    case "heartbeat":
      return { $case: "heartbeat", value: { fromWork: event.fromWork, details: toStruct(event.details) } };
  }
}
