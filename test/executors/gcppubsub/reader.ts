import { randomUUID } from "node:crypto";
import { v1 } from "@google-cloud/pubsub";
import { credentials } from "@grpc/grpc-js";
import { eventually } from "../../support/eventually.ts";

const project = "projects/test-project";

/** A message as a subscriber gets it. */
export interface Received {
  readonly id: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
}

/** Reads what was published. */
export class PubSubReader implements Disposable {
  readonly #publisher: v1.PublisherClient;
  readonly #subscriber: v1.SubscriberClient;

  /** @param emulator `127.0.0.1:8085` */
  constructor(emulator: string) {
    // Google's library would look for a metadata server, which takes seconds where there is none.
    process.env["METADATA_SERVER_DETECTION"] = "none";
    const [apiEndpoint, port] = emulator.split(":");
    const options = { apiEndpoint, port: Number(port), sslCreds: credentials.createInsecure() };
    this.#publisher = new v1.PublisherClient(options as ConstructorParameters<typeof v1.PublisherClient>[0]);
    this.#subscriber = new v1.SubscriberClient(options as ConstructorParameters<typeof v1.SubscriberClient>[0]);
  }

  /** A new topic, and what reads as many messages from it as there must be. */
  async topic() {
    const topic = `t-${randomUUID()}`;
    await this.#publisher.createTopic({ name: `${project}/topics/${topic}` });
    await this.#subscribe(topic, topic);
    const received = async (count: number): Promise<readonly Received[]> => {
      const messages = new Map<string, Received>();
      await eventually(`${count} messages`, async () => {
        for (const one of await this.#pull(topic)) messages.set(one.id, one);
        return messages.size >= count;
      });
      return [...messages.values()];
    };
    return { topic, received };
  }

  /** Has a message with this text arrived? Acknowledges what it sees. */
  async holds(topic: string, text: string): Promise<boolean> {
    return (await this.#pull(topic)).some(({ data }) => data.toString() === text);
  }

  async #subscribe(topic: string, name: string): Promise<void> {
    await this.#subscriber.createSubscription({
      name: `${project}/subscriptions/${name}`,
      topic: `${project}/topics/${topic}`,
    });
  }

  async #pull(name: string): Promise<Received[]> {
    const subscription = `${project}/subscriptions/${name}`;
    const [{ receivedMessages }] = await this.#subscriber.pull({
      subscription,
      maxMessages: 1_000,
      returnImmediately: true,
    });
    const all = receivedMessages ?? [];
    const ackIds = all.map(({ ackId }) => ackId ?? "");
    if (ackIds.length > 0) await this.#subscriber.acknowledge({ subscription, ackIds });
    return all.map(({ message }) => ({
      id: message?.messageId ?? "",
      data: Buffer.from((message?.data ?? "") as Uint8Array),
      attributes: { ...message?.attributes } as Record<string, string>,
      orderingKey: message?.orderingKey ?? "",
    }));
  }

  [Symbol.dispose](): void {
    void this.#publisher.close();
    void this.#subscriber.close();
  }
}
