import { randomUUID } from "node:crypto";
import { abortable } from "@executor-host/sdk/remote";
import type { ConsumeMessage } from "amqplib";

import type { Outgoing, PublishChannel } from "../connection/publish-channel.ts";
import { failure } from "../failure.ts";

/** RabbitMQ's own queue for replies: nothing is declared, and nobody else can read it. */
const directReplyTo = "amq.rabbitmq.reply-to";

/** A request, and the promise of its reply. */
export interface Call {
  readonly request: Outgoing;
  /** @throws {RemoteFailure} when there will be none @throws `signal.reason` */
  reply(signal: AbortSignal): Promise<ConsumeMessage>;
}

/** Make ready for the reply to a message; it must then be published on the same channel. */
export async function prepareCall(message: Outgoing, channel: PublishChannel, signal: AbortSignal): Promise<Call> {
  const correlationId = message.properties.correlationId ?? randomUUID();
  const { promise, resolve, reject } = Promise.withResolvers<ConsumeMessage>();
  // Whoever gives up before the reply has no use for its loss.
  promise.catch(() => undefined);
  await channel.consume(
    directReplyTo,
    (reply) => {
      if (reply === null) reject(failure("CONNECTION_LOST", "the broker has given up waiting for the reply"));
      else if (reply.properties.correlationId === correlationId) resolve(reply);
    },
    signal,
  );
  channel.onClose((problem) => reject(problem));
  const request = { ...message, properties: { ...message.properties, correlationId, replyTo: directReplyTo } };
  return { request, reply: (until) => abortable(promise, until) };
}
