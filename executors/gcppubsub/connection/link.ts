import {
  abortable,
  isGrpcAlive,
  messageOf,
  type PooledConnection,
  type RemoteFailure,
} from "@executor-host/sdk/remote";
import { credentials, Metadata, type Client, type ServiceError } from "@grpc/grpc-js";
import type { v1 } from "@google-cloud/pubsub";

import { fail } from "../failure.ts";
import type { Route } from "./route.ts";

type PublisherClient = InstanceType<typeof v1.PublisherClient>;
type ClientOptions = ConstructorParameters<typeof v1.PublisherClient>[0];

/** gRPC's number for gzip. */
const gzip = 2;

interface Cancellable {
  cancel(): void;
}

type Answer<T> = (error: ServiceError | null, response?: T) => void;
type Method<T> = (request: object, metadata: Metadata, done: Answer<T>) => Cancellable;

/** Who an emulator does not ask for. The library would go and look for a metadata server, which takes seconds where there is none. */
const nobody = { getUniverseDomain: () => Promise.resolve("googleapis.com") };

/** What of Google's client is used: the calls themselves, as its own retries know neither our deadline nor our cancel. */
interface Stub extends Client {
  readonly publish: Method<{ readonly messageIds?: readonly string[] }>;
  readonly getTopic: Method<Topic>;
}

export interface Topic {
  readonly name?: string;
  readonly schemaSettings?: { readonly schema?: string; readonly encoding?: string } | null;
}

export interface CallOptions {
  /** For the header by which Google routes. */
  readonly topic: string;
  readonly signal: AbortSignal;
}

/** A channel to Pub/Sub, logged in; it connects and reconnects by itself. */
export class Link implements PooledConnection {
  readonly route: Route;
  readonly #client: PublisherClient;
  readonly #stub: Stub;
  #isOpen = true;

  private constructor(route: Route, client: PublisherClient, stub: Stub) {
    this.route = route;
    this.#client = client;
    this.#stub = stub;
  }

  /**
   * Log in; the connection itself is made with the first call.
   *
   * @throws {RemoteFailure} `CREDENTIALS_INVALID`, `CREDENTIALS_UNAVAILABLE`
   * @throws `signal.reason`
   */
  static async open(route: Route, signal: AbortSignal): Promise<Link> {
    // Loaded with the first connection, as it takes longer than everything else in this executor together.
    const { v1: pubsub } = await import("@google-cloud/pubsub");
    signal.throwIfAborted();
    const { endpoint, isEmulator, quotaProject } = route;
    const given = route.credentials;
    const options = {
      fallback: false,
      "grpc.enable_http_proxy": 0,
      // Statistics that nobody asks for, with several dates for each call.
      "grpc.enable_channelz": 0,
      "grpc.service_config_disable_resolution": 1,
      ...(route.gzip && { "grpc.default_compression_algorithm": gzip }),
      ...(endpoint && { apiEndpoint: endpoint.host, port: endpoint.port }),
      ...(isEmulator && { sslCreds: credentials.createInsecure(), auth: nobody }),
      ...(given !== undefined && { credentials: JSON.parse(given) as object }),
      ...(quotaProject !== undefined && { clientOptions: { quotaProjectId: quotaProject } }),
    };
    const client = new pubsub.PublisherClient(options as unknown as ClientOptions);
    try {
      const stub = await abortable(client.initialize() as Promise<unknown>, signal);
      return new Link(route, client, stub as Stub);
    } catch (error) {
      signal.throwIfAborted();
      throw loginFailure(error, given);
    }
  }

  get usable(): boolean {
    return this.#isOpen;
  }

  /** @throws {ServiceError} of gRPC @throws `signal.reason` */
  publish(messages: readonly object[], options: CallOptions): Promise<{ readonly messageIds?: readonly string[] }> {
    return this.#call(this.#stub.publish, { topic: options.topic, messages }, "topic", options);
  }

  /** @throws {ServiceError} of gRPC @throws `signal.reason` */
  getTopic(options: CallOptions): Promise<Topic> {
    return this.#call(this.#stub.getTopic, { topic: options.topic }, "topic", options);
  }

  async #call<T>(method: Method<T>, request: object, field: string, options: CallOptions): Promise<T> {
    const { topic, signal } = options;
    signal.throwIfAborted();
    const metadata = new Metadata();
    metadata.set("x-goog-request-params", `${field}=${encodeURIComponent(topic)}`);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // Without a deadline of gRPC's, which nobody could move: the signal ends the call.
    const call = method.call(this.#stub, request, metadata, (error, response) => {
      if (error === null && response !== undefined) resolve(response);
      else reject(error ?? new TypeError("neither an error nor a response"));
    });
    try {
      return await abortable(promise, signal);
    } catch (error) {
      call.cancel();
      promise.catch(() => undefined);
      throw error;
    }
  }

  check(signal: AbortSignal): Promise<boolean> {
    return isGrpcAlive(this.#stub, signal);
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#client.close().catch(() => undefined);
  }
}

function loginFailure(error: unknown, given: string | undefined): RemoteFailure {
  if (given !== undefined) {
    // What the library says may quote what it could not read.
    return fail("CREDENTIALS_INVALID", "the credentials cannot be used", {
      hint: "take the JSON that Google gives, as it is",
      cause: error,
    });
  }
  return fail("CREDENTIALS_UNAVAILABLE", `no credentials: ${messageOf(error)}`, {
    hint: "set credentials or credentials_file, or give the executor Application Default Credentials",
    cause: error,
  });
}
