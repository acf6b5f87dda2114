import type { ServerWritableStream } from "@grpc/grpc-js";
import { Channel, ExecuteResponse, type Event, type ExecuteRequest } from "@executor-host/proto/executor";
import { encodeOutputFrame } from "@executor-host/proto/shared/frame";
import { toTimestamp } from "@executor-host/proto/shared/time";
import type { EventSink, ExecutionEvent } from "../runtime/event.ts";
import { toResult, toStruct, toUsage } from "./convert.ts";

const channels = { stdout: Channel.STDOUT, stderr: Channel.STDERR } as const;

/** Up to this size, a copy is cheaper than a message of its own. */
const maxBatchBytes = 8 * 1024;

/** Sends the events of one execution through its gRPC stream: what comes in the same turn of the event loop goes in one message. */
export class StreamSink implements EventSink {
  readonly #call: ServerWritableStream<ExecuteRequest, Buffer>;
  /** Encoded responses, which are one when they are laid end to end. */
  readonly #batch: Buffer[] = [];
  #batchBytes = 0;

  constructor(call: ServerWritableStream<ExecuteRequest, Buffer>) {
    this.#call = call;
  }

  write(event: ExecutionEvent): boolean {
    if (this.#isGone) return true;
    const message = encode(event);
    if (this.#batchBytes + message.length > maxBatchBytes) this.#flush();
    this.#batch.push(message);
    this.#batchBytes += message.length;
    const isLast = event.type === "result";
    if (isLast || this.#batchBytes >= maxBatchBytes) this.#flush();
    else if (this.#batch.length === 1) this.#flushLater();
    if (isLast) this.#call.end();
    return !this.#call.writableNeedDrain;
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

  /** When everything has run that waits for nothing but promises. */
  #flushLater(): void {
    queueMicrotask(() => process.nextTick(() => this.#flush()));
  }

  #flush(): void {
    const [first] = this.#batch;
    if (first === undefined) return;
    if (!this.#isGone) this.#call.write(this.#batch.length === 1 ? first : Buffer.concat(this.#batch));
    this.#batch.length = 0;
    this.#batchBytes = 0;
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
  const events = [{ sequence: event.sequence, time: toTimestamp(event.timeMs), kind: toKind(event) }];
  return Buffer.from(ExecuteResponse.encode({ events }).finish());
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
