import { endpointOf, type System, type Target } from "./system.ts";

/** The queue forgets what is older: nobody reads it. */
const mostMessages = 1_000;

/** A persistent message in a durable queue, mandatory and confirmed. */
export const rabbitmq: System = {
  name: "rabbitmq",
  config: (target) => ({
    url: urlOf(target),
    routing_key: target.name,
    "message.body": target.message,
    "message.delivery_mode": "2",
  }),
  tool: {
    program: "amqp-publish",
    args: (target) => [`--url=${urlOf(target)}`, "-p", "-r", target.name, "-b", target.message],
  },
  async open(target) {
    const { connect } = await import("amqplib");
    const connection = await connect(urlOf(target));
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(target.name, { durable: true, maxLength: mostMessages });
    const content = Buffer.from(target.message);
    return {
      publish: () =>
        new Promise<void>((resolve, reject) => {
          channel.sendToQueue(target.name, content, { persistent: true, mandatory: true }, (error: Error | null) =>
            error === null ? resolve() : reject(error),
          );
        }),
      async close() {
        await channel.deleteQueue(target.name);
        await connection.close();
      },
    };
  },
};

function urlOf(target: Target): string {
  const [user, password, address] = ["user", "password", "amqp"].map((name) => endpointOf(target, name));
  return `amqp://${user}:${password}@${address}`;
}
