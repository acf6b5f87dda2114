import { service } from "../../support/services.ts";

export const rabbitmq = service("rabbitmq");

/** A message as the broker's management shows it. */
export interface ReadMessage {
  readonly payload: Buffer;
  readonly routingKey: string;
  readonly exchange: string;
  readonly properties: Readonly<Record<string, unknown>> & { readonly headers?: Readonly<Record<string, unknown>> };
}

/** The URL of the plain listener. */
export function url(login = `${rabbitmq.endpoint("user")}:${rabbitmq.endpoint("password")}`): string {
  return `amqp://${login}@${rabbitmq.endpoint("amqp")}`;
}

/** Take all messages out of a queue. */
export async function readQueue(queue: string): Promise<readonly ReadMessage[]> {
  const body = { count: 10_000, ackmode: "ack_requeue_false", encoding: "base64" };
  const messages = (await manage("POST", `/queues/%2F/${encodeURIComponent(queue)}/get`, body)) as {
    readonly payload: string;
    readonly routing_key: string;
    readonly exchange: string;
    readonly properties: ReadMessage["properties"];
  }[];
  return messages.map(({ payload, routing_key: routingKey, exchange, properties }) => ({
    payload: Buffer.from(payload, "base64"),
    routingKey,
    exchange,
    properties,
  }));
}

/** What the broker knows of a queue; undefined when there is none. */
export async function queueFacts(queue: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const all = (await manage("GET", "/queues/%2F")) as Readonly<Record<string, unknown>>[];
  return all.find(({ name }) => name === queue);
}

/** Ask the broker's management. */
export async function manage(method: string, path: string, body?: object): Promise<unknown> {
  const credentials = Buffer.from(`${rabbitmq.endpoint("user")}:${rabbitmq.endpoint("password")}`).toString("base64");
  const response = await fetch(rabbitmq.endpoint("api") + path, {
    method,
    headers: { authorization: `Basic ${credentials}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}
