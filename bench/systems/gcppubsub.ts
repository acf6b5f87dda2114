import { credentials } from "@grpc/grpc-js";
import { endpointOf, type System } from "./system.ts";

const project = "bench";

/** A message in a topic of Google's in-memory Pub/Sub, which answers with the message's id. */
export const gcppubsub: System = {
  name: "gcppubsub",
  config: (target) => ({
    emulator: endpointOf(target, "emulator"),
    project,
    topic: target.name,
    data_text: target.message,
  }),
  async open(target) {
    // Google's library would look for a metadata server, which takes seconds where there is none.
    process.env["METADATA_SERVER_DETECTION"] = "none";
    const { v1 } = await import("@google-cloud/pubsub");
    const [apiEndpoint, port] = endpointOf(target, "emulator").split(":");
    const options = { apiEndpoint, port: Number(port), sslCreds: credentials.createInsecure() };
    const publisher = new v1.PublisherClient(options as ConstructorParameters<typeof v1.PublisherClient>[0]);
    const topic = `projects/${project}/topics/${target.name}`;
    await publisher.createTopic({ name: topic });
    const data = Buffer.from(target.message);
    return {
      // Each by itself: the library would wait for more to send with it.
      async publish() {
        const [{ messageIds }] = await publisher.publish({ topic, messages: [{ data }] }, { isBundling: false });
        if (messageIds?.length !== 1) throw new Error("Pub/Sub has answered without an id");
      },
      async close() {
        await publisher.deleteTopic({ topic });
        await publisher.close();
      },
    };
  },
};
