import { HostError } from "@executor-host/proto/shared/error";

export interface SlotLimits {
  /** Executions under way on this host. */
  readonly perHost: number;
  /** Executions under way of one executor. */
  readonly perExecutor: number;
  /** Executions waiting. */
  readonly maxWaiting: number;
}

/** The right to be under way. */
export interface Slot extends Disposable {
  readonly executor: string;
}

interface Waiter {
  readonly executor: string;
  readonly give: (slot: Slot) => void;
}

/** A full queue empties; nobody can say how fast. */
const retryAfterMs = 1_000;

/** Who may run now. First come, first served, past those whose executor is full. */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #waiting = new Set<Waiter>();
  readonly #usedByExecutor = new Map<string, number>();
  #used = 0;
  #reserved = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get used(): number {
    return this.#used;
  }

  /** A look ahead, that binds nobody. @throws {HostError} `QUEUE_FULL` when there is neither a slot nor a place to wait */
  admit(executor: string): void {
    if (!this.#available(executor)) this.#assertRoom();
  }

  /**
   * A place in the queue, kept for somebody who is about to wait, until it is disposed of.
   *
   * @throws {HostError} `QUEUE_FULL`
   */
  reserve(): Disposable {
    this.#assertRoom();
    this.#reserved += 1;
    return { [Symbol.dispose]: () => void (this.#reserved -= 1) };
  }

  #assertRoom(): void {
    const taken = this.#waiting.size + this.#reserved;
    if (taken < this.#limits.maxWaiting) return;
    throw new HostError("QUEUE_FULL", `the queue is full: ${taken} executions are waiting`, {
      hint: "retry later or on another host; max-queued-executions sets the limit",
      retryAfterMs,
    });
  }

  /** A slot now, or undefined. Never overtakes somebody who waits for the same executor. */
  take(executor: string): Slot | undefined {
    for (const waiter of this.#waiting) if (waiter.executor === executor) return undefined;
    return this.#available(executor) ? this.#grant(executor) : undefined;
  }

  /** @throws `signal.reason` */
  wait(executor: string, signal: AbortSignal): Promise<Slot> {
    const slot = this.take(executor);
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.#waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        executor,
        give: (given) => {
          signal.removeEventListener("abort", aborted);
          resolve(given);
        },
      };
      signal.throwIfAborted();
      this.#waiting.add(waiter);
      signal.addEventListener("abort", aborted, { once: true });
    });
  }

  /** Why one has to wait, for people. */
  reason(executor: string): string {
    if (this.#used >= this.#limits.perHost)
      return `waiting for a slot: ${this.#used} of ${this.#limits.perHost} are in use on this host`;
    const used = this.#usedByExecutor.get(executor) ?? 0;
    return `waiting for a slot: ${used} of ${this.#limits.perExecutor} are in use for executor "${executor}"`;
  }

  #available(executor: string): boolean {
    const used = this.#usedByExecutor.get(executor) ?? 0;
    return this.#used < this.#limits.perHost && used < this.#limits.perExecutor;
  }

  #grant(executor: string): Slot {
    this.#used += 1;
    this.#usedByExecutor.set(executor, (this.#usedByExecutor.get(executor) ?? 0) + 1);
    let held = true;
    return {
      executor,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#used -= 1;
        this.#usedByExecutor.set(executor, this.#usedByExecutor.get(executor)! - 1);
        this.#handOver();
      },
    };
  }

  #handOver(): void {
    for (const waiter of this.#waiting) {
      if (this.#used >= this.#limits.perHost) return;
      if (!this.#available(waiter.executor)) continue;
      this.#waiting.delete(waiter);
      waiter.give(this.#grant(waiter.executor));
    }
  }
}
