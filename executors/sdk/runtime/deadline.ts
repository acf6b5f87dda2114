import { alarm } from "./alarm.ts";

/** When the host will stop an execution: a point in time that it may move until it has come. */
export class Deadline implements Disposable {
  #at: Date | undefined;
  /** What targets were told that keep to it. */
  readonly #told = new Set<{ readonly at: Date | undefined }>();
  #reached: AbortController | undefined;
  #alarm: Disposable | undefined;

  constructor(at: Date | undefined) {
    this.#at = at;
  }

  get at(): Date | undefined {
    return this.#at;
  }

  /** Aborts when it has come, wherever it was moved to. There is a timer only once somebody has asked for this. */
  get signal(): AbortSignal {
    if (this.#reached === undefined) {
      this.#reached = new AbortController();
      this.#arm();
    }
    return this.#reached.signal;
  }

  /** @returns false when a target keeps to an earlier one */
  move(at: Date | undefined): boolean {
    this.#at = at;
    this.#arm();
    return [...this.#told].every((told) => timeOf(told.at) >= timeOf(at));
  }

  /** A target was told of it as it is now, and keeps to that until this is disposed of. */
  tell(): Disposable {
    const told = { at: this.#at };
    this.#told.add(told);
    return { [Symbol.dispose]: () => void this.#told.delete(told) };
  }

  #arm(): void {
    this.#alarm?.[Symbol.dispose]();
    const reached = this.#reached;
    if (reached !== undefined) this.#alarm = alarm(timeOf(this.#at), () => reached.abort());
  }

  /** It never comes any more. */
  [Symbol.dispose](): void {
    this.#alarm?.[Symbol.dispose]();
    this.#reached ??= new AbortController();
  }
}

function timeOf(at: Date | undefined): number {
  return at?.getTime() ?? Infinity;
}
