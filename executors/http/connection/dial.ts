import { once } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";

import { limits } from "../defaults.ts";
import { RequestFailure } from "../failure.ts";
import { tlsFacts, type TlsFacts } from "../tls/facts.ts";
import type { TlsSettings } from "../tls/settings.ts";
import { connectFailure, type DialPhase } from "./connect-failure.ts";
import { tunnelHttp } from "./http-tunnel.ts";
import { lookupWith } from "./lookup.ts";
import { describeRoute, hostPort, isForwarded, type Route } from "./route.ts";
import { tunnelSocks5 } from "./socks5.ts";

/** How a connection came about, and where it leads. */
export interface ConnectionFacts {
  /** `127.0.0.1:8080`, the path of a unix socket, or the proxy's address. */
  readonly remoteAddress: string;
  /** Name lookup; undefined when there was nothing to look up. */
  readonly dnsMs: number | undefined;
  readonly connectMs: number;
  /** Making the proxy connect. */
  readonly proxyMs: number | undefined;
  readonly tlsMs: number | undefined;
  readonly tls: TlsFacts | undefined;
  readonly http2: boolean;
}

export interface DialOptions {
  /** Aborting gives up; its reason is thrown. */
  readonly signal: AbortSignal;
  readonly secureContext: (settings: TlsSettings) => SecureContext;
}

/** An open connection, ready for its first request. */
export interface Dialled {
  readonly socket: Socket;
  readonly facts: ConnectionFacts;
}

/**
 * Open a connection: name lookup, TCP or unix socket, proxy, TLS.
 *
 * Nothing of a request is sent. When it fails, nothing is left open.
 *
 * @throws {RequestFailure} a code that tells the phase
 */
export async function dial(route: Route, options: DialOptions): Promise<Dialled> {
  const { signal, secureContext } = options;
  let phase: DialPhase = "connect";
  let socket: Socket | undefined;
  try {
    signal.throwIfAborted();
    const opened = performance.now();
    let dnsMs: number | undefined;
    socket = open(route);
    socket.once("lookup", () => (dnsMs = performance.now() - opened));
    await ready(socket, "connect", signal);
    const connected = performance.now();
    const remoteAddress = route.unixSocket ?? hostPort(socket.remoteAddress ?? "", socket.remotePort ?? 0);
    const { proxy } = route;
    if (proxy?.scheme === "https") {
      phase = "proxy-tls";
      const system: TlsSettings = { ...route.tls, certificate: undefined, key: undefined, serverName: undefined };
      socket = await secure(socket, {
        hostname: proxy.hostname,
        tls: system,
        protocols: ["http/1.1"],
        secureContext,
        signal,
      });
    }
    phase = "proxy";
    if (proxy?.scheme === "socks5") await tunnelSocks5(socket, proxy, route, signal);
    else if (proxy !== undefined && !isForwarded(route)) await tunnelHttp(socket, proxy, route, signal);
    const reached = performance.now();
    phase = "tls";
    let tls: TlsFacts | undefined;
    let http2 = false;
    if (route.secure) {
      const encrypted = await secure(socket, {
        hostname: route.hostname,
        tls: route.tls,
        protocols: protocols[route.httpVersion],
        secureContext,
        signal,
      });
      socket = encrypted;
      tls = tlsFacts(encrypted);
      http2 = encrypted.alpnProtocol === "h2";
    }
    if (route.httpVersion === "2" && !http2) {
      throw new RequestFailure("HTTP2_NOT_OFFERED", `${describeRoute(route)} does not offer HTTP/2`, {
        hint: "set http_version=auto",
      });
    }
    const facts: ConnectionFacts = {
      remoteAddress,
      dnsMs,
      connectMs: connected - opened - (dnsMs ?? 0),
      proxyMs: proxy === undefined ? undefined : reached - connected,
      tlsMs: tls === undefined ? undefined : performance.now() - reached,
      tls,
      http2,
    };
    return { socket, facts };
  } catch (error) {
    socket?.destroy();
    throw signal.aborted ? signal.reason : connectFailure(error, phase, route);
  }
}

const protocols = { "1.1": ["http/1.1"], auto: ["h2", "http/1.1"], "2": ["h2"] };

function open(route: Route): Socket {
  const socket =
    route.unixSocket !== undefined
      ? connectTcp({ path: route.unixSocket })
      : connectTcp({
          host: route.proxy?.hostname ?? route.hostname,
          port: route.proxy?.port ?? route.port,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: limits.tcpKeepAliveMs,
          lookup: lookupWith(route.addresses),
          ...(route.localAddress !== undefined && { localAddress: route.localAddress }),
        });
  // Once the connection is up, its user listens for errors; until then `ready` does.
  socket.on("error", () => {});
  return socket;
}

interface SecureOptions {
  readonly hostname: string;
  readonly tls: TlsSettings;
  readonly protocols: string[];
  readonly secureContext: DialOptions["secureContext"];
  readonly signal: AbortSignal;
}

async function secure(socket: Socket, options: SecureOptions): Promise<TLSSocket> {
  const { tls, hostname, signal } = options;
  const serverName = tls.serverName ?? hostname;
  const encrypted = connectTls({
    socket,
    secureContext: options.secureContext(tls),
    // An address is no server name (RFC 6066, section 3), but the certificate is still checked against it.
    ...(isIP(serverName) === 0 ? { servername: serverName } : { host: serverName }),
    rejectUnauthorized: tls.verify,
    ALPNProtocols: options.protocols,
  });
  encrypted.on("error", () => {});
  try {
    await ready(encrypted, "secureConnect", signal);
    return encrypted;
  } catch (error) {
    encrypted.destroy();
    throw error;
  }
}

/** Wait for an event of a socket; an end of the socket is a failure, too. */
async function ready(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const options = { signal: AbortSignal.any([signal, settled.signal]) };
  try {
    await Promise.race([once(socket, event, options), once(socket, "close", options).then(cutOff)]);
  } finally {
    settled.abort();
  }
}

function cutOff(): never {
  throw Object.assign(new Error("closed by the other side"), { code: "ECONNRESET" });
}
