import { FieldError } from "@executor-host/sdk";

/** A broker, as a URL names it. Source: RabbitMQ's URI specification. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly vhost: string;
  /** What Dkron's client reads from the query. */
  readonly options: Readonly<Partial<Record<AddressOption, string>>>;
}

const options = [
  "cacertfile",
  "certfile",
  "keyfile",
  "server_name_indication",
  "auth_mechanism",
  "heartbeat",
  "connection_timeout",
  "channel_max",
] as const;

export type AddressOption = (typeof options)[number];

const hint = "such as amqps://mq.example.test/vhost";

/**
 * Read one URL, or several: separated by commas, or a JSON array.
 *
 * @throws {FieldError} that says nothing of what stands in them
 */
export function parseAddresses(given: string): readonly Address[] {
  const urls = given.trimStart().startsWith("[") ? jsonList(given) : given.split(/,(?=\s*amqps?:)/i);
  const addresses = urls.map((url, index) => parseAddress(url.trim(), urls.length > 1 ? `entry ${index + 1} ` : ""));
  if (addresses.length === 0) throw new FieldError("names no broker", hint);
  return addresses;
}

function jsonList(given: string): readonly string[] {
  try {
    const json: unknown = JSON.parse(given);
    if (Array.isArray(json) && json.every((one) => typeof one === "string")) return json;
  } catch {
    // Told below, without what the parser quotes.
  }
  throw new FieldError("is not a JSON array of strings", hint);
}

function parseAddress(text: string, place: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^amqps?:$/.test(url.protocol)) {
    throw new FieldError(`${place}is not an amqp or amqps URL`, hint);
  }
  const tls = url.protocol === "amqps:";
  const found: Partial<Record<AddressOption, string>> = {};
  for (const [name, value] of url.searchParams) {
    const known = options.find((option) => option === name);
    if (known === undefined) {
      throw new FieldError(`${place}has an unknown parameter ${JSON.stringify(name)}`, `known: ${options.join(", ")}`);
    }
    found[known] = value;
  }
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw new FieldError(`${place}has a malformed % sequence`, "write a % of a name or password as %25");
    }
  };
  const path = url.pathname.replace(/^\//, "");
  if (path.includes("/")) throw new FieldError(`${place}has a path of several parts`, "write a / of the vhost as %2F");
  return {
    host: url.hostname.replace(/^\[|\]$/g, "") || "localhost",
    port: Number(url.port) || (tls ? 5671 : 5672),
    tls,
    username: url.username === "" ? undefined : decode(url.username),
    password: url.password === "" ? undefined : decode(url.password),
    vhost: path === "" ? "/" : decode(path),
    options: found,
  };
}

/** For people; without credentials. */
export function peerOf({ host, port }: Pick<Address, "host" | "port">): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
