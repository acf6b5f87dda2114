import { performance } from "node:perf_hooks";
import type { Execution, JsonObject, Report } from "@executor-host/sdk";
import { limited, reportOfThrown, showMs, withGrace, type ConnectionPool } from "@executor-host/sdk/remote";
import type { ConsumeMessage } from "amqplib";

import type { Config } from "./config.ts";
import type { Link } from "./connection/link.ts";
import type { Outgoing, PublishChannel } from "./connection/publish-channel.ts";
import { leaseChannel } from "./connection/lease.ts";
import { connectionSettings } from "./connection/settings.ts";
import { prepareCall } from "./delivery/call.ts";
import { deliver, type Delivered } from "./delivery/deliver.ts";
import { Delivery } from "./evidence.ts";
import { failure } from "./failure.ts";
import { collectMessages } from "./message/collect.ts";
import { declare } from "./topology/declare.ts";

const unknownEffect = "a message had been sent; whether the broker has taken it is not known";

/** Publish the job's messages, and report what the broker said of them. */
export async function execute(execution: Execution<Config>, pool: ConnectionPool<Link>): Promise<Report> {
  const { config, signal } = execution;
  const run = new RabbitRun(execution);
  using grace = withGrace(execution);
  const onTimeout = (): Error => run.timeUp();
  using limit = limited(signal, config.timeout, execution, onTimeout);
  using patience = limited(grace.signal, config.timeout, execution, onTimeout);
  try {
    await run.publish(pool, limit.signal, patience.signal);
    return { outcome: "SUCCEEDED", effect: run.delivery.effect, evidence: run.evidence() };
  } catch (error) {
    const { phase, delivery } = run;
    return reportOfThrown(error, signal, { effect: delivery.effect, phase, evidence: run.evidence(), unknownEffect });
  }
}

/** Time to get a connection. */
export function connectLimit(signal: AbortSignal, limitMs: number) {
  return limited(signal, limitMs, undefined, () =>
    failure("TIMEOUT_CONNECT", `no broker has let us in within ${showMs(limitMs)}`, {
      hint: "check the port, and whether it speaks AMQP",
    }),
  );
}

/** A message without an answer yet. */
interface Sent {
  /** Among many, from 1. */
  readonly position: number | undefined;
  readonly delivered: Promise<Delivered>;
}

/** One execution on its way. */
class RabbitRun {
  readonly delivery: Delivery;
  readonly #execution: Execution<Config>;
  readonly #startMs = performance.now();
  /** When the job's own time is up. */
  readonly #ownEndMs: number;
  #connection: JsonObject = {};
  /** What a stop would interrupt. */
  phase = "before connecting";

  constructor(execution: Execution<Config>) {
    this.#execution = execution;
    const { timeout } = execution.config;
    this.#ownEndMs = timeout > 0 ? Date.now() + timeout : Infinity;
    this.delivery = new Delivery(execution.config.confirm);
  }

  /**
   * @param stop ends what can be ended at any time
   * @param patience ends waiting for an answer to what has been sent
   */
  async publish(pool: ConnectionPool<Link>, stop: AbortSignal, patience: AbortSignal): Promise<void> {
    const { config, id } = this.#execution;
    const settings = await connectionSettings(config, id, stop);
    const messages = await collectMessages(this.#execution, stop);
    this.delivery.expected = messages.length;
    this.phase = "while connecting";
    using connecting = connectLimit(stop, config.connect_timeout);
    using lease = await leaseChannel(pool, settings, connecting.signal);
    connecting[Symbol.dispose]();
    const { link, reused, channel } = lease;
    this.#connection = { broker: link.peer, connectionReused: reused };
    this.#execution.started(`${targetOf(messages)} at ${link.peer}`);
    this.#debug(
      `${reused ? "using the connection" : "connected"} to ${link.peer}, ${messages.length} messages to send`,
    );
    this.#warn();
    this.phase = "while declaring";
    const topology = await declare(config, channel, stop);
    this.#connection = { ...this.#connection, ...topology };
    await (config.rpc
      ? this.#call(messages, channel, stop, patience)
      : this.#sendAll(messages, channel, stop, patience));
  }

  async #sendAll(
    messages: readonly Outgoing[],
    channel: PublishChannel,
    stop: AbortSignal,
    patience: AbortSignal,
  ): Promise<void> {
    const { config } = this.#execution;
    this.phase = "while publishing";
    const onTheirWay: Sent[] = [];
    const count = messages.length;
    try {
      for (const [index, message] of messages.entries()) {
        if (onTheirWay.length >= config.in_flight) await this.#tell(onTheirWay.shift(), count, patience);
        stop.throwIfAborted();
        const position = count > 1 ? index + 1 : undefined;
        onTheirWay.push({ position, delivered: this.#deliver(message, position, channel, patience) });
      }
      while (onTheirWay.length > 0) await this.#tell(onTheirWay.shift(), count, patience);
    } catch (error) {
      // Nothing more is sent, but what was sent may have arrived.
      for (const sent of onTheirWay) await this.#tell(sent, count, patience).catch(() => undefined);
      throw error;
    }
    if (!config.confirm) this.#execution.warn("confirm=false: nobody has said that the messages have arrived");
  }

  async #tell(sent: Sent | undefined, count: number, patience: AbortSignal): Promise<void> {
    if (sent === undefined) return;
    const { stdout, progress } = this.#execution;
    const line = { position: sent.position, ...lineOf(await sent.delivered) };
    if (!stdout.write(`${JSON.stringify(line)}\n`) && !patience.aborted) await stdout.drained();
    if (count > 1) progress({ fraction: this.delivery.count / count });
  }

  /** To be waited for sooner or later. */
  #deliver(
    message: Outgoing,
    position: number | undefined,
    channel: PublishChannel,
    patience: AbortSignal,
  ): Promise<Delivered> {
    const delivered = this.#deliverNow(message, position, channel, patience);
    delivered.catch(() => undefined);
    return delivered;
  }

  async #deliverNow(
    message: Outgoing,
    position: number | undefined,
    channel: PublishChannel,
    patience: AbortSignal,
  ): Promise<Delivered> {
    const name = position === undefined ? "" : `message ${position}: `;
    this.delivery.sending();
    try {
      const delivered = await deliver(message, channel, this.#execution.config.confirm, name, patience);
      this.delivery.add(delivered);
      return delivered;
    } catch (error) {
      this.delivery.failed(error, message.exchange);
      throw error;
    }
  }

  async #call(
    messages: readonly Outgoing[],
    channel: PublishChannel,
    stop: AbortSignal,
    patience: AbortSignal,
  ): Promise<void> {
    const [message] = messages;
    if (message === undefined) return;
    const call = await prepareCall(message, channel, stop);
    this.phase = "while publishing";
    await this.#deliver(call.request, undefined, channel, patience);
    this.phase = "while waiting for the reply";
    const sentMs = performance.now();
    const reply = await call.reply(stop);
    this.delivery.reply = replyEvidence(reply, performance.now() - sentMs);
    if (!this.#execution.stdout.write(reply.content) && !stop.aborted) await this.#execution.stdout.drained();
  }

  #warn(): void {
    const { config, warn } = this.#execution;
    if (config.tls_no_verify) warn("the broker's certificate was not verified (tls_no_verify)");
    if (config["queue.exclusive"]) warn("queue.exclusive: the queue goes with this execution, and what is in it");
  }

  #debug(message: string): void {
    const { config, protocol, log, stderr } = this.#execution;
    if (!config.debug) return;
    // Dkron would mix it into the stored output.
    if (protocol === "dkron") log.info(message);
    else stderr.write(`* ${message}\n`);
  }

  timeUp(): Error {
    const { config, deadline } = this.#execution;
    const isDeadlineFirst = deadline !== undefined && deadline.getTime() < this.#ownEndMs;
    const limit = isDeadlineFirst ? "before the deadline" : `within ${showMs(config.timeout)}`;
    return this.phase === "while waiting for the reply"
      ? failure("TIMEOUT_REPLY", `no reply ${limit}`, { hint: "the request has been taken; it may still be worked on" })
      : failure("TIMEOUT_TOTAL", `not published ${limit}, stopped ${this.phase}`);
  }

  /** Keys: `broker`, `connectionReused`, `queue` (`name`, `messages`, `consumers`) if it was declared or checked; those of `Delivery`; `durationMs`. */
  evidence(): JsonObject {
    return {
      ...this.#connection,
      ...this.delivery.evidence(),
      durationMs: roundMs(performance.now() - this.#startMs),
    };
  }
}

function targetOf([first, ...others]: readonly Outgoing[]): string {
  const target =
    first === undefined || first.exchange === "" ? (first?.routingKey ?? "") : `${first.exchange}/${first.routingKey}`;
  return others.length === 0 ? target : `${target} and ${others.length} more`;
}

/** What a line of the output says of a message. */
function lineOf({ exchange, routingKey, messageId, bytes, confirmed }: Delivered): JsonObject {
  return { exchange, routingKey, messageId, bytes, confirmed };
}

function replyEvidence({ content, properties }: ConsumeMessage, waitedMs: number): JsonObject {
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return {
    bytes: content.length,
    contentType: text(properties.contentType),
    type: text(properties.type),
    messageId: text(properties.messageId),
    waitedMs: roundMs(waitedMs),
  };
}

function roundMs(durationMs: number): number {
  return Math.round(durationMs * 10) / 10;
}
