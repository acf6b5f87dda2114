import { HostError } from "@executor-host/proto/shared/error";
import type { ConnInfo } from "@executor-host/proto/goplugin";
import { WaitTimeout, within } from "../protocol/wait.ts";

/**
 * Announcements of the other side, each kept for a while and good for one dial.
 *
 * A second announcement of an id that nobody has dialled yet is dropped, as in Go.
 */
export class ConnectionTable {
  readonly #keepMs: number;
  readonly #kept = new Map<number, { info: ConnInfo; timer: NodeJS.Timeout }>();
  readonly #waiting = new Map<number, ((info: ConnInfo) => void)[]>();

  /** @param keepMs how long an announcement is kept when nobody asks for it */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  put(info: ConnInfo): void {
    const id = info.serviceId;
    const waiter = this.#waiting.get(id)?.shift();
    if (waiter !== undefined) {
      waiter(info);
    } else if (!this.#kept.has(id)) {
      const timer = setTimeout(() => this.#kept.delete(id), this.#keepMs);
      this.#kept.set(id, { info, timer: timer.unref() });
    }
  }

  /**
   * Wait for the announcement of an id and use it up.
   *
   * @throws {HostError} `BROKER_TIMEOUT`
   * @throws `signal.reason` when aborted
   */
  async take(id: number, options: { timeoutMs: number; signal: AbortSignal }): Promise<ConnInfo> {
    options.signal.throwIfAborted();
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      this.#forget(id);
      return kept.info;
    }
    const { promise, resolve } = Promise.withResolvers<ConnInfo>();
    this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), resolve]);
    try {
      return await within(promise, options);
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
      throw new HostError("BROKER_TIMEOUT", `no connection info for broker id ${id} within ${options.timeoutMs} ms`, {
        hint: "the other side must serve the id within this time; an id can be dialled once",
      });
    } finally {
      this.#removeWaiter(id, resolve);
    }
  }

  /** Forget what was announced; whoever waits goes on waiting. */
  clear(): void {
    for (const id of [...this.#kept.keys()]) this.#forget(id);
  }

  #forget(id: number): void {
    clearTimeout(this.#kept.get(id)?.timer);
    this.#kept.delete(id);
  }

  #removeWaiter(id: number, waiter: (info: ConnInfo) => void): void {
    const rest = this.#waiting.get(id)?.filter((other) => other !== waiter) ?? [];
    if (rest.length > 0) this.#waiting.set(id, rest);
    else this.#waiting.delete(id);
  }
}
