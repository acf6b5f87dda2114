import { createHash, type Hash } from "node:crypto";
import type { status, ClientReadableStream } from "@grpc/grpc-js";
import type { Event, ExecuteResponse, Heartbeat, Output, Result, Usage } from "@executor-host/proto/executor";
import { fromTimestamp } from "@executor-host/proto/shared/time";
import { limits } from "./timeouts.ts";

/** What is kept of an event. */
export interface EventNote {
  readonly sequence: number;
  readonly kind: NonNullable<Event["kind"]>["$case"] | undefined;
  /** Milliseconds since the epoch, as the executor says. */
  readonly timeMs: number | undefined;
  /** Milliseconds since the epoch. */
  readonly receivedMs: number;
  /** Of `started`: what is run. */
  readonly target?: string;
  readonly output?: { readonly channel: number; readonly offset: number; readonly bytes: number };
  readonly result?: Result;
  readonly heartbeat?: Heartbeat;
  readonly usage?: Usage;
}

/** How the stream ended. */
export interface StreamEnd {
  readonly code: status;
  readonly message: string;
}

/** What came of an execution. */
export interface Recording {
  readonly id: string;
  readonly calledMs: number;
  readonly events: readonly EventNote[];
  readonly end: StreamEnd;
  /** The first result there was. */
  readonly result: Result | undefined;
  /** Bytes and digest of each channel. */
  readonly output: readonly string[];
  /** The start of each channel, by number. */
  readonly heads: OutputHeads;
}

/** The first bytes of each channel, by its number, as latin1. */
export type OutputHeads = ReadonlyMap<number, string>;

type Stream = ClientReadableStream<ExecuteResponse>;

/** One call of Execute or Attach, from the first event to the status. */
export class ExecutionCall {
  readonly id: string;
  readonly events: EventNote[] = [];
  /** Resolves with the stream's status. Never rejects. */
  readonly ended: Promise<Recording>;
  readonly #stream: Stream;
  readonly #calledMs = Date.now();
  readonly #hashes = new Map<number, { hash: Hash; bytes: number }>();
  readonly #waiting = new Set<() => void>();
  readonly #heads = new Map<number, string>();
  #end: StreamEnd | undefined;

  /** @param stream just opened: its listeners are attached in the same turn */
  constructor(id: string, stream: Stream) {
    this.id = id;
    this.#stream = stream;
    const { promise, resolve } = Promise.withResolvers<Recording>();
    this.ended = promise;
    stream.on("data", ({ events }: ExecuteResponse) => {
      if (events.length === 0) this.#take(undefined);
      for (const event of events) this.#take(event);
      for (const look of this.#waiting) look();
    });
    stream.on("error", () => undefined); // The status tells the same.
    // The status may overtake events that have arrived and were not read yet; the end cannot.
    const read = new Promise<void>((done) => stream.once("end", done));
    stream.once("status", ({ code, details }) => {
      const end = { code, message: details };
      this.#end = end;
      void read.then(() => resolve(this.#record(end)));
    });
  }

  /** Undefined while the stream is open. */
  get end(): StreamEnd | undefined {
    return this.#end;
  }

  /** The start of the output so far. */
  get heads(): OutputHeads {
    return this.#heads;
  }

  /** What it says it runs; undefined before `started`. */
  get target(): string | undefined {
    return this.events.find(({ kind }) => kind === "started")?.target;
  }

  /** Resolves at the first event that fits, or at the end of the stream. */
  async until(fits: (event: EventNote) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.events.some(fits)) resolve();
    };
    look();
    this.#waiting.add(look);
    await Promise.race([promise, this.ended]);
    this.#waiting.delete(look);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Drop the call: the hard way to stop. */
  drop(): void {
    this.#stream.cancel();
    this.#stream.resume();
  }

  #take(event: Event | undefined): void {
    const { kind } = event ?? {};
    if (kind?.$case === "output") this.#takeOutput(kind.value);
    this.events.push({
      sequence: event?.sequence ?? 0,
      kind: kind?.$case,
      timeMs: fromTimestamp(event?.time),
      receivedMs: Date.now(),
      ...(kind?.$case === "started" && { target: kind.value.target }),
      ...(kind?.$case === "result" && { result: kind.value }),
      ...(kind?.$case === "heartbeat" && { heartbeat: kind.value }),
      ...(kind?.$case === "usage" && { usage: kind.value }),
      ...(kind?.$case === "output" && {
        output: { channel: kind.value.channel, offset: kind.value.offset, bytes: kind.value.data.length },
      }),
    });
  }

  #takeOutput({ channel, data }: Output): void {
    const known = this.#hashes.get(channel) ?? { hash: createHash("sha256"), bytes: 0 };
    known.hash.update(data);
    known.bytes += data.length;
    this.#hashes.set(channel, known);
    const head = this.#heads.get(channel) ?? "";
    if (head.length < limits.keptOutputBytes) this.#heads.set(channel, head + data.toString("latin1"));
  }

  #record(end: StreamEnd): Recording {
    const channels = [...this.#hashes].toSorted(([a], [b]) => a - b);
    return {
      id: this.id,
      calledMs: this.#calledMs,
      events: this.events,
      end,
      result: this.events.find((event) => event.result !== undefined)?.result,
      output: channels.map(([channel, { hash, bytes }]) => `${channel}: ${bytes} bytes ${hash.digest("hex")}`),
      heads: this.#heads,
    };
  }
}
