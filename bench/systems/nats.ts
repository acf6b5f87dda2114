import { randomUUID } from "node:crypto";
import { endpointOf, type System } from "./system.ts";

/** A message in a JetStream stream, with an id of its own: acknowledged, and stored once. */
export const nats: System = {
  name: "nats",
  config: (target) => ({
    url: endpointOf(target, "plain"),
    subject: target.name,
    mode: "jetstream",
    message: target.message,
  }),
  tool: {
    program: "nats-pub",
    go: "bench/fixtures/nats-pub",
    args: (target) => [endpointOf(target, "plain"), target.name, target.message],
  },
  async open(target) {
    const { connect } = await import("nats");
    const connection = await connect({ servers: endpointOf(target, "plain") });
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: target.name, subjects: [target.name] });
    const stream = connection.jetstream();
    return {
      publish: () => stream.publish(target.name, target.message, { msgID: randomUUID() }),
      async close() {
        await manager.streams.delete(target.name);
        await connection.close();
      },
    };
  },
};
