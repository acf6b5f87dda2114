import { ExecuteResponse, type Event } from "@executor-host/proto/executor";
import {
  encodeOutputFrame,
  maxOutputBytes,
  parseEventFrames,
  type EventFrame,
} from "@executor-host/proto/shared/frame";
import { toTimestamp } from "@executor-host/proto/shared/time";
import { resultToProto } from "../model/convert.ts";
import type { Result } from "../model/model.ts";

/** Makes the events of an attempt for an executor that cannot make its own. */
export class EventMaker {
  readonly #onEvent: (frame: EventFrame) => void;
  readonly #offsets = new Map<number, number>();
  #sequence = 0;

  constructor(onEvent: (frame: EventFrame) => void) {
    this.#onEvent = onEvent;
  }

  started(target: string): void {
    this.#send({ $case: "started", value: { target } });
  }

  output(channel: number, data: Buffer): void {
    for (let at = 0; at < data.length; at += maxOutputBytes) {
      const piece = data.subarray(at, at + maxOutputBytes);
      const offset = this.#offsets.get(channel) ?? 0;
      this.#offsets.set(channel, offset + piece.length);
      this.#pass(encodeOutputFrame(++this.#sequence, Date.now(), channel, offset, piece));
    }
  }

  result(result: Result): void {
    this.#send({ $case: "result", value: resultToProto(result) });
  }

  #send(kind: NonNullable<Event["kind"]>): void {
    const event: Event = { sequence: ++this.#sequence, time: toTimestamp(Date.now()), kind };
    this.#pass(Buffer.from(ExecuteResponse.encode({ events: [event] }).finish()));
  }

  #pass(message: Buffer): void {
    for (const frame of parseEventFrames(message)) this.#onEvent(frame);
  }
}
