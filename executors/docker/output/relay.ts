import type { Readable } from "node:stream";

import type { Execution } from "@executor-host/sdk";

import { limits } from "../defaults.ts";
import { Demultiplexer, type Channel } from "./demultiplexer.ts";

/**
 * Passes a container's output on, each byte once.
 *
 * A source is either live or begins anew; what begins anew is the same output from its first byte, of which the part that was passed on before
 * is left out. So the output can be taken up again after any interruption, at the byte.
 */
export class OutputRelay {
  readonly #streams: Pick<Execution<unknown>, "stdout" | "stderr">;
  readonly #isTerminal: boolean;
  readonly #passed: Record<Channel, number> = { stdout: 0, stderr: 0 };
  #waiting = false;
  #heldUp = false;

  constructor(streams: Pick<Execution<unknown>, "stdout" | "stderr">, isTerminal: boolean) {
    this.#streams = streams;
    this.#isTerminal = isTerminal;
  }

  /** Bytes passed on. */
  get bytes(): Readonly<Record<Channel, number>> {
    return { ...this.#passed };
  }

  /** Whether the next move is the source's, not that of whoever receives the output. */
  get isWaitingForSource(): boolean {
    return this.#waiting;
  }

  /** Whether the receiver has made the last source wait. */
  get wasHeldUp(): boolean {
    return this.#heldUp;
  }

  /**
   * Pass a source on until it ends.
   *
   * A live source is let go of when the receiver stalls: an engine holds up a container whose live output nobody takes, and drops what is left
   * of that output soon after the container's end. What begins anew comes from the engine's log, which waits.
   *
   * @param kind "log": it begins with the output's first byte
   * @param alive called when something came
   * @throws what the source fails with
   */
  async pass(source: Readable, kind: "live" | "log", alive: () => void): Promise<"ended" | "stalled"> {
    const seen: Record<Channel, number> = kind === "log" ? { stdout: 0, stderr: 0 } : { ...this.#passed };
    const frames = new Demultiplexer();
    this.#waiting = true;
    this.#heldUp = false;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      this.#waiting = false;
      for (const [channel, data] of this.#isTerminal ? ([["stdout", chunk]] as const) : frames.push(chunk)) {
        const isNew = data.subarray(Math.max(0, Math.min(data.length, this.#passed[channel] - seen[channel])));
        seen[channel] += data.length;
        if (isNew.length === 0) continue;
        this.#passed[channel] += isNew.length;
        const stream = this.#streams[channel];
        if (stream.write(isNew)) continue;
        this.#heldUp = true;
        if (kind === "log") await stream.drained();
        else if (!(await settledWithin(stream.drained(), limits.stallMs))) return "stalled";
      }
      this.#waiting = true;
      alive();
    }
    this.#waiting = false;
    return "ended";
  }
}

async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), limitMs);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
