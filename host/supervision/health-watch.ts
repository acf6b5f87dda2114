import { setTimeout as sleep } from "node:timers/promises";

export interface HealthWatchOptions {
  /** One health call; without a limit of its own. */
  ask(signal: AbortSignal): Promise<void>;
  /** From an answer to the next call. */
  readonly intervalMs: number;
  /** How long the process may give no sign of life once it was asked. */
  readonly limitMs: number;
  /** It gave none. Nothing is asked any more. */
  onUnresponsive(): void;
}

/** Longest step in which waiting is counted. */
const maxStepMs = 250;
/** Steps of a wait, at least: so many turns the host takes to look for an answer before it judges. */
const leastSteps = 10;

/**
 * Notices a process that is there, takes connections and does not answer: its event loop is blocked, it is stopped, or dead-locked.
 *
 * It is asked for its health now and then. Only time in which this host itself was awake counts: waiting is counted in small steps, each as long as it
 * should have been. A host that was busy, stopped or suspended with its machine, and a clock that jumps, so make nobody unresponsive.
 */
export class HealthWatch implements Disposable {
  readonly #options: HealthWatchOptions;
  readonly #stop = new AbortController();
  #excuses = 0;
  /** Signs of life so far. */
  #signs = 0;
  #lastMs: number | undefined;
  /** How long the call under way has been waiting. */
  #waitedMs = 0;

  constructor(options: HealthWatchOptions) {
    this.#options = options;
    void this.#run();
  }

  /** How long the process took to answer last, or has not answered so far if that is longer. Undefined before the first answer. */
  get lagMs(): number | undefined {
    return this.#waitedMs > (this.#lastMs ?? maxStepMs) ? this.#waitedMs : this.#lastMs;
  }

  /** A sign of life other than an answer. Called for every event. */
  touch(): void {
    this.#signs += 1;
  }

  /** Until the returned function is called the process cannot be expected to answer, as this host does not read what it writes. */
  excuse(): () => void {
    this.#excuses += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#excuses -= 1;
      this.touch();
    };
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { intervalMs, onUnresponsive } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(intervalMs, undefined, { ref: false, signal }).catch(() => undefined);
      if (signal.aborted || this.#excuses > 0) continue;
      const call = new AbortController();
      const isAlive = await this.#isAlive(AbortSignal.any([signal, call.signal]));
      call.abort();
      if (isAlive || signal.aborted) continue;
      this.#stop.abort();
      onUnresponsive();
    }
  }

  async #isAlive(signal: AbortSignal): Promise<boolean> {
    const { limitMs } = this.#options;
    const stepMs = Math.min(maxStepMs, limitMs / leastSteps);
    let signs = this.#signs;
    let silentMs = 0;
    this.#waitedMs = 0;
    let answer = this.#ask(signal);
    for (;;) {
      const beganMs = performance.now();
      const answered = await Promise.race([answer, sleep(stepMs, undefined, { ref: false })]);
      if (answered === true || signal.aborted || this.#excuses > 0) {
        if (answered === true) this.#lastMs = this.#waitedMs + Math.min(stepMs, performance.now() - beganMs);
        this.#waitedMs = 0;
        return true;
      }
      // The call failed: the link is broken, which may be the first that is seen of an exit. Otherwise it is a silence like any other.
      if (answered === false) {
        await sleep(stepMs, undefined, { ref: false });
        answer = this.#ask(signal);
      }
      this.#waitedMs += stepMs;
      silentMs = this.#signs === signs ? silentMs + stepMs : 0;
      signs = this.#signs;
      if (silentMs >= limitMs) return false;
    }
  }

  /** @returns whether there was an answer. Never rejects. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    return this.#options.ask(signal).then(
      () => true,
      () => false,
    );
  }
}
