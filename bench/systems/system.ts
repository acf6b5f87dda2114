/** A system that messages are published to: through its executor, by its client library alone, and by the usual program. */
export interface System {
  /** Of the executor, and of the service in `scripts/services`. */
  readonly name: string;
  /** The executor's config for one message to the target, with the guarantees of `open`. */
  config(target: Target): Readonly<Record<string, string>>;
  /** The program people would start for each message. */
  readonly tool?: Tool;
  /** Make the target, and connect to publish to it with the client library that the executor is made with. */
  open(target: Target): Promise<Publisher>;
}

export interface Tool {
  readonly program: string;
  /** What Go makes it of where it is not installed: a package with its version, or a folder of this checkout. */
  readonly go?: string;
  /** Without its name. */
  args(target: Target): readonly string[];
}

/** What is published, and where to. Plain data. */
export interface Target {
  /** Of the service. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Of the topic, stream or queue: a word that nobody else uses. */
  readonly name: string;
  readonly message: string;
  /** Path of a file that holds the message. */
  readonly messageFile: string;
}

/** A connection by which the message is published. */
export interface Publisher {
  /** Resolves when the system has acknowledged the message. */
  publish(): Promise<unknown>;
  /** Remove the target, and disconnect. */
  close(): Promise<void>;
}

/** @throws {Error} when the service has no such endpoint */
export function endpointOf({ endpoints }: Target, name: string): string {
  const endpoint = endpoints[name];
  if (endpoint === undefined) throw new Error(`the service has no endpoint "${name}"`);
  return endpoint;
}
