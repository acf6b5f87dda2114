import { HostError } from "@executor-host/proto/shared/error";

export interface SlotLimits {
  /** Executions under way on this host. */
  readonly perHost: number;
  /** Executions under way of one executor. */
  readonly perExecutor: number;
  /** Executions waiting. */
  readonly maxWaiting: number;
}

/** Who asks for a slot, as far as that decides about whose turn it is. */
export interface SlotRequest {
  readonly executor: string;
  /** The higher one goes first. */
  readonly priority: number;
  /** Among equals, keys take turns, whatever number of executions each has waiting. */
  readonly fairnessKey: string;
  /** At most `maxConcurrent` of the same key are under way; empty means no such limit. */
  readonly concurrencyKey: string;
  readonly maxConcurrent: number;
}

/** The right to be under way. */
export interface Slot extends Disposable {
  readonly executor: string;
}

interface Waiter {
  /** Order of arrival. */
  readonly number: number;
  readonly give: (slot: Slot) => void;
}

/** Those who wait for exactly the same, in the order they came. */
interface Lane {
  readonly request: SlotRequest;
  readonly waiters: Set<Waiter>;
}

/** A full queue empties; nobody can say how fast. */
const retryAfterMs = 1_000;

/** Who may run now: by priority, then in turns, then first come, first served; always past those who have to wait for something else. */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #lanes = new Map<string, Lane>();
  readonly #byExecutor = new Counts();
  readonly #byConcurrencyKey = new Counts();
  readonly #byFairnessKey = new Counts();
  /** When a fairness key had its last turn; only of keys that have something waiting or under way. */
  readonly #lastTurns = new Map<string, number>();
  #waiting = 0;
  #arrivals = 0;
  #turns = 0;
  #used = 0;
  #reserved = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get used(): number {
    return this.#used;
  }

  /** A look ahead, that binds nobody. @throws {HostError} `QUEUE_FULL` when there is neither a slot nor a place to wait */
  admit(request: SlotRequest): void {
    if (!this.#isFree(request)) this.#assertRoom();
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

  /** A slot now, or undefined. Overtakes nobody: whoever could have had it would not be waiting any more. */
  take(request: SlotRequest): Slot | undefined {
    return this.#isFree(request) ? this.#grant(request) : undefined;
  }

  /** @throws `signal.reason` */
  async wait(request: SlotRequest, signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    return this.take(request) ?? (await this.#enqueue(request, signal));
  }

  /** Why one has to wait, for people. */
  reason({ executor, concurrencyKey, maxConcurrent }: SlotRequest): string {
    const { perHost, perExecutor } = this.#limits;
    const [used, limit, whose] =
      this.#used >= perHost
        ? [this.#used, perHost, "on this host"]
        : this.#byExecutor.of(executor) >= perExecutor
          ? [this.#byExecutor.of(executor), perExecutor, `for executor "${executor}"`]
          : [this.#byConcurrencyKey.of(concurrencyKey), maxConcurrent, `for key "${concurrencyKey}"`];
    return `waiting for a slot: ${used} of ${limit} are in use ${whose}`;
  }

  #assertRoom(): void {
    const taken = this.#waiting + this.#reserved;
    if (taken < this.#limits.maxWaiting) return;
    throw new HostError("QUEUE_FULL", `the queue is full: ${taken} executions are waiting`, {
      hint: "retry later or on another host; max-queued-executions sets the limit",
      retryAfterMs,
    });
  }

  #isFree({ executor, concurrencyKey, maxConcurrent }: SlotRequest): boolean {
    return (
      this.#used < this.#limits.perHost &&
      this.#byExecutor.of(executor) < this.#limits.perExecutor &&
      (concurrencyKey === "" || this.#byConcurrencyKey.of(concurrencyKey) < maxConcurrent)
    );
  }

  #enqueue(request: SlotRequest, signal: AbortSignal): Promise<Slot> {
    const name = JSON.stringify(Object.values(request));
    const lane = this.#lanes.get(name) ?? { request, waiters: new Set() };
    this.#lanes.set(name, lane);
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener("abort", aborted);
        lane.waiters.delete(waiter);
        if (lane.waiters.size === 0) this.#lanes.delete(name);
        this.#waiting -= 1;
      };
      const aborted = () => {
        leave();
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        number: ++this.#arrivals,
        give: (slot) => {
          leave();
          resolve(slot);
        },
      };
      lane.waiters.add(waiter);
      this.#waiting += 1;
      signal.addEventListener("abort", aborted, { once: true });
    });
  }

  #grant({ executor, concurrencyKey, fairnessKey }: SlotRequest): Slot {
    this.#used += 1;
    this.#byExecutor.add(executor, 1);
    this.#byConcurrencyKey.add(concurrencyKey, 1);
    this.#byFairnessKey.add(fairnessKey, 1);
    this.#lastTurns.set(fairnessKey, ++this.#turns);
    let held = true;
    return {
      executor,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#used -= 1;
        this.#byExecutor.add(executor, -1);
        this.#byConcurrencyKey.add(concurrencyKey, -1);
        this.#byFairnessKey.add(fairnessKey, -1);
        this.#handOver();
        this.#forgetTurn(fairnessKey);
      },
    };
  }

  #handOver(): void {
    while (this.#used < this.#limits.perHost) {
      const next = this.#nextLane();
      const [first] = next?.waiters ?? [];
      if (next === undefined || first === undefined) return;
      first.give(this.#grant(next.request));
    }
  }

  #nextLane(): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (this.#isFree(lane.request) && (best === undefined || this.#comesBefore(lane, best))) best = lane;
    }
    return best;
  }

  #comesBefore(a: Lane, b: Lane): boolean {
    const order =
      b.request.priority - a.request.priority ||
      this.#byFairnessKey.of(a.request.fairnessKey) - this.#byFairnessKey.of(b.request.fairnessKey) ||
      (this.#lastTurns.get(a.request.fairnessKey) ?? 0) - (this.#lastTurns.get(b.request.fairnessKey) ?? 0) ||
      firstOf(a) - firstOf(b);
    return order < 0;
  }

  #forgetTurn(fairnessKey: string): void {
    if (this.#byFairnessKey.of(fairnessKey) > 0) return;
    for (const { request } of this.#lanes.values()) if (request.fairnessKey === fairnessKey) return;
    this.#lastTurns.delete(fairnessKey);
  }
}

function firstOf(lane: Lane): number {
  for (const { number } of lane.waiters) return number;
  return Number.POSITIVE_INFINITY;
}

/** How many there are of each; those of which there is none take no room. */
class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: number): void {
    const count = this.of(key) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}
