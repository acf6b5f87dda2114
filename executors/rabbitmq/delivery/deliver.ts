import { performance } from "node:perf_hooks";
import type { PublishChannel, Outgoing } from "../connection/publish-channel.ts";
import { failure } from "../failure.ts";

/** A message that the broker has answered for. */
export interface Delivered {
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string | undefined;
  readonly bytes: number;
  /** False: nobody was asked to. */
  readonly confirmed: boolean;
  /** From sending to the broker's answer. */
  readonly answerMs: number;
}

/**
 * Publish one message, and take nothing but a confirmation for an answer.
 *
 * @param name of one among many, for people: `message 3: `
 * @throws {RemoteFailure} `UNROUTABLE`, `NACKED` ... @throws `signal.reason`
 */
export async function deliver(
  message: Outgoing,
  channel: PublishChannel,
  confirm: boolean,
  name: string,
  signal: AbortSignal,
): Promise<Delivered> {
  const startMs = performance.now();
  const verdict = confirm ? await channel.publish(message, signal) : await channel.publishUnconfirmed(message, signal);
  const { exchange, routingKey, content, properties } = message;
  const place = `exchange ${JSON.stringify(exchange)} with routing key ${JSON.stringify(routingKey)}`;
  if (verdict === "nacked") {
    throw failure("NACKED", `${name}the broker could not take the message for ${place}: it answered with a nack`, {
      hint: "a full queue with overflow=reject-publish does that, and a broker in trouble",
    });
  }
  if (typeof verdict === "object") {
    throw failure("UNROUTABLE", `${name}no queue gets a message for ${place}: ${verdict.text} (${verdict.code})`, {
      hint: exchange === "" ? "check the name of the queue, or set queue.create=true" : "bind a queue to the exchange",
    });
  }
  return {
    exchange,
    routingKey,
    messageId: properties.messageId,
    bytes: content.length,
    confirmed: verdict === "confirmed",
    answerMs: performance.now() - startMs,
  };
}
