import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { OutputStream } from "@executor-host/sdk";
import { fileIdentity } from "../process/proc.ts";
import { waitAtMost } from "../timer.ts";

/**
 * Carries bytes from the read end of a FIFO to an output stream, as fast as that takes them and no faster: while the stream is full nothing
 * is read, so the job waits in its `write`.
 */
export class OutputRelay {
  /** Resolves when every writer has closed its end and all is passed on, or after `close()`. Never rejects. */
  readonly ended: Promise<void>;
  /** Identity of the FIFO, by which those who hold its other end are found. */
  readonly pipe: string;
  readonly #socket: Socket;
  #stream: OutputStream | undefined;
  #discarding = false;
  #lastByteMs = performance.now();
  #waiting = false;
  #hasEnded = false;

  /** @param memory what is read passes through here on its way; any number of relays can share it */
  constructor(readFd: number, stream: OutputStream, memory: Uint8Array) {
    this.#stream = stream;
    this.pipe = fileIdentity(fstatSync(readFd));
    const callback = (bytes: number): boolean => this.#pass(memory.subarray(0, bytes));
    this.#socket = new Socket({ fd: readFd, readable: true, writable: false, onread: { buffer: memory, callback } });
    this.ended = new Promise((resolve) => {
      this.#socket.once("close", () => {
        this.#hasEnded = true;
        resolve();
      });
    });
    // An error is followed by "close"; a FIFO has none worth telling.
    this.#socket.on("error", () => {});
    this.#socket.resume();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** True while the stream is full: then silence says nothing about the job. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Milliseconds since the last byte came. */
  get quietMs(): number {
    return performance.now() - this.#lastByteMs;
  }

  /** Go on reading, but throw the bytes away, so that whoever holds the other end can go on writing. Keeps no process alive. */
  discard(): void {
    this.#discarding = true;
    this.#stream = undefined;
    this.#socket.unref();
    this.#socket.resume();
  }

  get discarding(): boolean {
    return this.#discarding;
  }

  close(): void {
    this.#stream = undefined;
    this.#socket.destroy();
  }

  /** @returns false: read no more */
  #pass(chunk: Uint8Array): boolean {
    this.#lastByteMs = performance.now();
    const stream = this.#stream;
    if (stream === undefined || stream.write(chunk)) return true;
    this.#waiting = true;
    void stream.drained().then(() => {
      this.#waiting = false;
      this.#lastByteMs = performance.now();
      this.#socket.resume();
    });
    return false;
  }
}

/**
 * Read on after the main process has ended, until every writer has closed its end, or nothing comes any more, or the time is up.
 *
 * Time in which a reader of ours is too slow does not count: what the job wrote before it ended is passed on in any case.
 *
 * @returns false when somebody still holds an end
 */
export async function drain(
  relays: readonly OutputRelay[],
  options: { readonly quietMs: number; readonly maxMs: number },
): Promise<boolean> {
  const allEnded = (): boolean => relays.every((relay) => relay.hasEnded);
  const ended = Promise.all(relays.map((relay) => relay.ended));
  let leftMs = options.maxMs;
  for (let lastMs = performance.now(); ; lastMs = performance.now()) {
    if (allEnded()) return true;
    await waitAtMost(options.quietMs / 5, ended);
    if (allEnded()) return true;
    // Timers come before input when the process was busy: let what is there be read before judging its absence.
    await setImmediate();
    const open = relays.filter((relay) => !relay.hasEnded);
    if (open.some((relay) => relay.waiting)) continue;
    leftMs -= performance.now() - lastMs;
    if (leftMs <= 0 || open.every((relay) => relay.quietMs >= options.quietMs)) return allEnded();
  }
}
