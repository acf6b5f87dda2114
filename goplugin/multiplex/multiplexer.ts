import type { Duplex } from "node:stream";
import { HostError } from "@executor-host/proto/shared/error";
import { timeouts } from "../protocol/defaults.ts";
import { WaitTimeout, within } from "../protocol/wait.ts";
import type { YamuxSession } from "../yamux/session.ts";

type Take = (stream: Duplex) => void;

/** Knows the session of the moment, and whose the next stream of the other side is. */
export class Multiplexer {
  readonly #takeOthers: Take;
  readonly #expected: { readonly take: Take; readonly untilMs: number }[] = [];
  #arrived = Promise.withResolvers<YamuxSession>();
  #session: YamuxSession | undefined;

  /** @param takeOthers gets the streams that nobody expects */
  constructor(takeOthers: Take) {
    this.#takeOthers = takeOthers;
  }

  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  /** Use this session until it ends. */
  attach(session: YamuxSession): void {
    this.#session = session;
    this.#arrived.resolve(session);
    void this.#route(session);
  }

  /**
   * Open a stream to the other side, once it is there.
   *
   * @throws {HostError} `CONNECT_FAILED`
   */
  async open(): Promise<Duplex> {
    try {
      const session = await within(this.#arrived.promise, { timeoutMs: timeouts.brokerMs });
      return await session.open();
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
      throw new HostError("CONNECT_FAILED", "the other side has not opened the multiplexed connection");
    }
  }

  /** The next stream that the other side opens is for `take`; not kept for long, as a stray one must not go astray later. */
  expect(take: Take): void {
    this.#expected.push({ take, untilMs: performance.now() + timeouts.brokerMs });
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }

  async #route(session: YamuxSession): Promise<void> {
    for (let stream = await session.accept(); stream !== undefined; stream = await session.accept())
      this.#takerOfNext()(stream);
    this.#session = undefined;
    this.#arrived = Promise.withResolvers();
  }

  #takerOfNext(): Take {
    for (let next = this.#expected.shift(); next !== undefined; next = this.#expected.shift())
      if (performance.now() < next.untilMs) return next.take;
    return this.#takeOthers;
  }
}
