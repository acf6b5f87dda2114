import { abortable, type PooledConnection } from "@executor-host/sdk/remote";

import { limits } from "../defaults.ts";
import { failure } from "../failure.ts";
import { createTopic, inspectTopic, type NewTopic } from "./admin.ts";
import { tokenFor } from "./client.ts";
import { ClusterProducer } from "./producer.ts";
import type { ClusterSettings } from "./settings.ts";
import type { Token } from "./token.ts";
import { untilConnected } from "./until-connected.ts";

/** The right to use a producer alone, until it is disposed of. */
export interface ProducerLease extends Disposable {
  readonly producer: ClusterProducer;
  /** It was connected before. */
  readonly reused: boolean;
}

/** The producers for one cluster and login, and what is known of its topics. */
export class ClusterLink implements PooledConnection {
  readonly #settings: ClusterSettings;
  readonly #token: Token | undefined;
  readonly #all = new Set<ClusterProducer>();
  readonly #idle: ClusterProducer[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #known = new Set<string>();
  readonly #maximum: number;
  #turns = 0;
  readonly usable = true;

  constructor(settings: ClusterSettings) {
    this.#settings = settings;
    this.#token = tokenFor(settings);
    // Two producers with one transactional id put each other out.
    this.#maximum = settings.transactionalId === undefined ? limits.producers : 1;
  }

  /** Wait until there may be one more producer, which then there may be until this is disposed of. @throws `signal.reason` */
  async turn(signal: AbortSignal): Promise<Disposable> {
    await this.#wait(signal);
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (!isOver) this.#next();
        isOver = true;
      },
    };
  }

  /** For those whose turn it is. @throws {RemoteFailure} why there is no connection @throws `signal.reason` */
  async lease(signal: AbortSignal): Promise<ProducerLease> {
    const idle = this.#takeIdle();
    const producer =
      idle ?? (await untilConnected(() => ClusterProducer.connect(this.#settings, this.#token, signal), signal));
    this.#all.add(producer);
    producer.serve(true);
    let isReleased = false;
    return {
      producer,
      reused: idle !== undefined,
      [Symbol.dispose]: () => {
        if (!isReleased) this.#release(producer);
        isReleased = true;
      },
    };
  }

  /**
   * See to it that a topic is there.
   *
   * @param create how to make it when it is not; undefined: don't
   * @throws {RemoteFailure} `TOPIC_NOT_FOUND` ...
   */
  async assertTopic(topic: string, create: NewTopic | undefined, signal: AbortSignal): Promise<void> {
    if (this.#known.has(topic)) return;
    const facts = await untilConnected(() => inspectTopic(this.#settings, this.#token, topic, signal), signal);
    if (facts === undefined) {
      if (create === undefined) {
        throw failure("TOPIC_NOT_FOUND", `topic "${topic}": no such topic (UNKNOWN_TOPIC_OR_PARTITION)`, {
          hint: "create it, or set create_topic=true",
        });
      }
      await createTopic(this.#settings, this.#token, topic, create, signal);
    }
    this.#known.add(topic);
  }

  async #wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#turns < this.#maximum) {
      this.#turns++;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await abortable(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#next();
      throw error;
    }
  }

  /** The place of one that is done goes to the one that has waited longest. */
  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#turns--;
    else next();
  }

  #takeIdle(): ClusterProducer | undefined {
    for (;;) {
      const producer = this.#idle.pop();
      if (producer === undefined || producer.usable) return producer;
      this.#drop(producer);
    }
  }

  #release(producer: ClusterProducer): void {
    producer.serve(false);
    // What went wrong may be about a topic that is there no longer.
    if (!producer.usable) this.#known.clear();
    if (producer.usable && this.#idle.length < limits.idleProducers) this.#idle.push(producer);
    else this.#drop(producer);
  }

  #drop(producer: ClusterProducer): void {
    producer.stop();
    this.#all.delete(producer);
  }

  async close(): Promise<void> {
    this.#idle.length = 0;
    for (const producer of this.#all) this.#drop(producer);
  }
}
