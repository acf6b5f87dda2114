import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";

import { abortable, readTls, type TlsMaterial } from "@executor-host/sdk/remote";
import type { ConnectionOptions, NatsConnection, TlsOptions } from "nats";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import { fail } from "../failure.ts";
import { connectionFailure, type RemoteFailure } from "./connection-failure.ts";
import { authenticatorOf, credentialsFor, readCredentials, type Credentials } from "./credentials.ts";
import { Link } from "./link.ts";
import { hostPort, type Server } from "./servers.ts";

/** Everything that makes a difference to a connection. Plain data. */
export interface Route {
  readonly servers: readonly Server[];
  readonly credentials: Credentials;
  readonly tls: TlsMaterial;
  /** Insist on TLS. */
  readonly tlsRequired: boolean;
  readonly tlsFirst: boolean;
  readonly inboxPrefix: string;
  readonly connectTimeoutMs: number;
}

/**
 * The way to the servers of a job.
 *
 * @throws {RemoteFailure} for files that cannot be used
 */
export async function routeOf(config: Config, signal: AbortSignal): Promise<Route> {
  const [credentials, tls] = await Promise.all([readCredentials(config, signal), readTls(config, signal)]);
  return {
    servers: config.url,
    credentials,
    tls,
    tlsRequired: config.tls || config.tls_first || tls.ca !== undefined || tls.certificate !== undefined,
    tlsFirst: config.tls_first,
    inboxPrefix: config.inbox_prefix,
    connectTimeoutMs: config.connect_timeout,
  };
}

/**
 * Connect to one of the servers, in random order.
 *
 * @throws {RemoteFailure} of the first server that failed, naming the others
 * @throws `signal.reason`
 */
export async function connect(route: Route, signal: AbortSignal): Promise<Link> {
  const failures: RemoteFailure[] = [];
  for (const server of shuffled(route.servers)) {
    try {
      return await connectTo(server, route, signal);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(connectionFailure(error, hostPort(server), route.connectTimeoutMs));
    }
  }
  // One that answered tells more than one that is not there.
  const told = failures.find(({ retryability }) => retryability === "PERMANENT") ?? failures[0];
  if (told === undefined) throw new TypeError("a route has at least one server");
  if (failures.length === 1) throw told;
  const { code, hint, retryability, cause } = told;
  const message = failures.map((failure) => failure.message).join("; ");
  throw fail(code as Parameters<typeof fail>[0], message, { hint, retryability, cause });
}

async function connectTo(server: Server, route: Route, signal: AbortSignal): Promise<Link> {
  // Loaded with the first connection, as it takes longer than everything else in this executor together.
  const nats = await import("nats");
  signal.throwIfAborted();
  const authenticator = authenticatorOf(credentialsFor(server, route.credentials), nats);
  const tls = tlsOptions(server, route);
  const options: ConnectionOptions = {
    servers: [hostPort(server)],
    name: "executor-host",
    timeout: route.connectTimeoutMs,
    // A run must not wait for a connection that may never come back, nor send again what may have arrived: the pool connects anew.
    reconnect: false,
    ignoreClusterUpdates: true,
    inboxPrefix: route.inboxPrefix,
    pingInterval: limits.pingIntervalMs,
    noAsyncTraces: true,
    ...(tls && { tls }),
    ...(authenticator && { authenticator }),
  };
  const connecting = nats.connect(options);
  try {
    return new Link(await abortable(connecting, signal), {
      nats,
      peer: hostPort(server),
      inboxPrefix: route.inboxPrefix,
    });
  } catch (error) {
    // It may still come about, with nobody there to use it.
    void connecting.then(closeQuietly, () => undefined);
    throw error;
  }
}

function closeQuietly(connection: NatsConnection): Promise<void> {
  return connection.close().catch(() => undefined);
}

function tlsOptions(server: Server, { tls, tlsFirst, tlsRequired }: Route): TlsOptions | undefined {
  const name = tls.serverName ?? server.host;
  const options = {
    handshakeFirst: tlsFirst,
    minVersion: tls.minVersion,
    rejectUnauthorized: tls.verify,
    ...(tls.ca !== undefined && { ca: tls.ca }),
    ...(tls.certificate !== undefined && { cert: tls.certificate, key: tls.key }),
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
    ...(isIP(name) === 0 && { servername: name }),
    // Where the host is an address, the library would have the certificate checked against another name.
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(name, certificate),
  };
  // The library insists on TLS when it is given options for it.
  return tlsRequired || server.tls || tls.serverName !== undefined || !tls.verify ? (options as TlsOptions) : undefined;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item);
}
