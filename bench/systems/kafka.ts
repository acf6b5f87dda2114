import { endpointOf, type System } from "./system.ts";

const allReplicas = -1;

/** A record in a topic with one partition: acks=all, idempotent. */
export const kafka: System = {
  name: "kafka",
  config: (target) => ({
    brokerAddress: endpointOf(target, "broker"),
    topic: target.name,
    message: target.message,
    acks: "all",
    idempotent: "true",
  }),
  tool: {
    program: "kcat",
    args: (target) => [
      ...["-P", "-b", endpointOf(target, "broker"), "-t", target.name],
      ...["-X", "acks=all", "-X", "enable.idempotence=true", target.messageFile],
    ],
  },
  async open(target) {
    const { default: kafkajs } = await import("kafkajs");
    const client = new kafkajs.Kafka({ brokers: [endpointOf(target, "broker")], logLevel: kafkajs.logLevel.NOTHING });
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: target.name, numPartitions: 1 }], waitForLeaders: true });
    const producer = client.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const record = { topic: target.name, acks: allReplicas, messages: [{ value: target.message }] };
    return {
      publish: () => producer.send(record),
      async close() {
        await producer.disconnect();
        await admin.deleteTopics({ topics: [target.name] });
        await admin.disconnect();
      },
    };
  },
};
