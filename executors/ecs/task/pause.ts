import { setTimeout } from "node:timers/promises";

import { limits } from "../defaults.ts";

/** Let time pass. @throws `signal.reason` as soon as the signal aborts */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(durationMs, undefined, { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

/** Waits that grow up to the longest. */
export class BackOff {
  readonly #longestMs: number;
  #nextMs: number;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
    this.#nextMs = Math.min(limits.firstPollMs, longestMs);
  }

  /** With some jitter, so that many executions do not ask in step. */
  async wait(signal: AbortSignal): Promise<void> {
    const waitMs = this.#nextMs * (0.8 + 0.2 * Math.random());
    this.#nextMs = Math.min(this.#nextMs * limits.pollGrowth, this.#longestMs);
    await pause(waitMs, signal);
  }
}
