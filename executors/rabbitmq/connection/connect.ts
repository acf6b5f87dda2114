import { isIP } from "node:net";
import { abortable, connectFailure, RemoteFailure } from "@executor-host/sdk/remote";
import { connect as connectAmqp, credentials, type ChannelModel, type SocketOptions } from "amqplib";

import { failure, refusalOf } from "../failure.ts";
import { peerOf } from "./address.ts";
import { Link } from "./link.ts";
import type { ConnectionSettings, Endpoint } from "./settings.ts";

/**
 * Connect to the first broker that lets us in.
 *
 * @throws {RemoteFailure} that of the only broker, or of the last with all their messages @throws `signal.reason`
 */
export async function connect(settings: ConnectionSettings, signal: AbortSignal): Promise<Link> {
  const failures: RemoteFailure[] = [];
  for (const endpoint of settings.endpoints) {
    try {
      return await connectTo(endpoint, settings, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RemoteFailure)) throw error;
      failures.push(error);
    }
  }
  const last = failures.at(-1);
  if (last === undefined || failures.length === 1) throw last ?? new TypeError("no broker is named");
  const { retryability, outcome } = failures.find((one) => one.retryability === "RETRYABLE") ?? last;
  const message = failures.map((one) => one.message).join("; ");
  throw new RemoteFailure(last.code, outcome === "TIMED_OUT" ? { outcome } : {}, message, {
    retryability,
    hint: last.hint,
    cause: last,
  });
}

async function connectTo(endpoint: Endpoint, settings: ConnectionSettings, signal: AbortSignal): Promise<Link> {
  const peer = peerOf(endpoint);
  // The socket's switch: aborted, it is destroyed, whatever the library waits for.
  const socket = new AbortController();
  try {
    const model = await abortable(open(endpoint, settings, socket.signal), signal);
    return new Link(model, peer, () => socket.abort());
  } catch (error) {
    socket.abort();
    throw signal.aborted ? error : explain(error, endpoint);
  }
}

function open(endpoint: Endpoint, settings: ConnectionSettings, signal: AbortSignal): Promise<ChannelModel> {
  const { host, port, vhost, tls, username, password, mechanism } = endpoint;
  const login = {
    plain: () => credentials.plain(username, password),
    amqplain: () => credentials.amqplain(username, password),
    external: () => credentials.external(),
  };
  const options: SocketOptions & { signal: AbortSignal } = {
    signal,
    noDelay: true,
    keepAlive: true,
    credentials: login[mechanism](),
    clientProperties: { connection_name: settings.name },
    ...(tls !== undefined && {
      ca: tls.ca,
      cert: tls.certificate,
      key: tls.key,
      passphrase: tls.passphrase,
      minVersion: tls.minVersion,
      rejectUnauthorized: tls.verify,
      ...serverName(host, tls.serverName),
    }),
  };
  const target = {
    protocol: tls === undefined ? "amqp" : "amqps",
    hostname: host,
    port,
    vhost: encodeURIComponent(vhost),
    heartbeat: Math.ceil(settings.heartbeatMs / 1000),
  };
  return connectAmqp(target, options);
}

/** The name to ask for and to check; an address is checked as one. */
function serverName(host: string, given: string | undefined): { readonly servername?: string } {
  if (given !== undefined) return { servername: given };
  return isIP(host) === 0 ? { servername: host } : {};
}

/** A refused login, an unknown vhost, or no connection at all. */
function explain(error: unknown, endpoint: Endpoint): unknown {
  const peer = peerOf(endpoint);
  const refused = refusalOf(error);
  const message = error instanceof Error ? error.message : "";
  if (refused?.code === 403) {
    return failure("AUTH_FAILED", `${peer} does not accept the login: ${refused.text}`, { cause: error });
  }
  if (/mechanism \S+ is not provided/.test(message)) {
    return failure("AUTH_FAILED", `${peer} does not offer auth=${endpoint.mechanism}`, { cause: error });
  }
  // The library keeps the broker's reason to itself.
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(message)) {
    const vhost = JSON.stringify(endpoint.vhost);
    return failure(
      "VHOST_REFUSED",
      `${peer} does not let this user into vhost ${vhost}: there is none, or it is not allowed`,
      {
        hint: "the broker's log says which",
        cause: error,
      },
    );
  }
  return connectFailure(error, peer);
}
