import type { ExecutorLink } from "../supervision/link.ts";

export interface ToldDeadlineOptions {
  readonly link: ExecutorLink;
  readonly executionId: string;
  /** As the executor knows it. */
  readonly attempt: number;
  /** When the host stops the attempt as limits are now, milliseconds since the epoch; undefined: never. */
  readonly deadline: () => number | undefined;
}

/** What the executor of a call under way was told of when it will be stopped. */
export class ToldDeadline {
  readonly #options: ToldDeadlineOptions;
  #toldMs: number | undefined;

  /** It is told at the start of the call, which the caller makes. */
  constructor(options: ToldDeadlineOptions) {
    this.#options = options;
    this.#toldMs = options.deadline();
  }

  /** Milliseconds since the epoch. */
  get toldMs(): number | undefined {
    return this.#toldMs;
  }

  /** Tell it anew, if limits have changed that. @returns what may come of it that it could not be told */
  async update(): Promise<string | undefined> {
    const { link, executionId, attempt, deadline } = this.#options;
    const toldMs = this.#toldMs;
    const deadlineMs = deadline();
    if (deadlineMs === toldMs) return undefined;
    const hasHeard = await link.setDeadline(executionId, attempt, deadlineMs).catch(() => false);
    if (hasHeard) this.#toldMs = deadlineMs;
    // One that goes by an earlier end than it has to is what matters: a later one is the host's business.
    if (hasHeard || toldMs === undefined || (deadlineMs ?? Infinity) < toldMs) return undefined;
    const earlier = new Date(toldMs).toISOString();
    return `executor "${link.description.name}" was told to be done by ${earlier}, and may still end the work then`;
  }
}
