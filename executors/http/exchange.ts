import { performance } from "node:perf_hooks";
import type { Readable } from "node:stream";

import type { Dispatcher } from "undici";

import { ConnectionGone } from "./connection/connection.ts";
import type { ConnectionFacts } from "./connection/dial.ts";
import type { ConnectionPool, Lease } from "./connection/pool.ts";
import { codeOf, isTlsError } from "./connection/connect-failure.ts";
import { proxyAuthorization } from "./connection/proxy.ts";
import { isForwarded, type Route } from "./connection/route.ts";
import { exchangeFailure } from "./exchange-failure.ts";
import { toWire } from "./request/headers.ts";
import type { OutgoingRequest } from "./request/redirect.ts";
import { limited } from "./time-limit.ts";

/** What came back, with its body still to be read. The body must be read to its end or destroyed; that gives the connection back. */
export interface HttpResponse {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case. */
  readonly headers: Record<string, readonly string[]>;
  readonly body: Readable;
  readonly connection: ConnectionFacts;
  /** The connection had been used before, so that no time went into opening it. */
  readonly reused: boolean;
  /** From sending the request to the head of the response. */
  readonly firstByteMs: number;
}

/** How far a request has come; what a failure means for the target depends on it. */
export interface ExchangeProgress {
  /** Something may have been sent. */
  sent: boolean;
}

export interface ExchangeOptions {
  readonly signal: AbortSignal;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  /** Use kept connections, and keep this one. */
  readonly keepAlive: boolean;
  readonly progress: ExchangeProgress;
}

const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** May the request be sent twice with the effect of once? Source: RFC 9110, section 9.2.2. */
export function isIdempotent(method: string): boolean {
  return idempotentMethods.has(method);
}

/**
 * Send one request and wait for the head of the response. No redirects, no authentication, no repetition, with one exception: a request
 * that finds its kept-alive connection closed goes out again over a new one, if nothing was sent or its method is idempotent.
 *
 * @throws {RequestFailure}
 * @throws `options.signal.reason`
 */
export async function exchange(
  pool: ConnectionPool,
  route: Route,
  request: OutgoingRequest,
  options: ExchangeOptions,
): Promise<HttpResponse> {
  const first = await connect(pool, route, options, !options.keepAlive);
  try {
    return await send(first, route, request, options);
  } catch (error) {
    const stale = error instanceof ConnectionGone || (first.reused && isReset(error) && isIdempotent(request.method));
    if (!stale || options.signal.aborted) throw exchangeFailure(error, route, options.signal);
  }
  try {
    return await send(await connect(pool, route, options, true), route, request, options);
  } catch (error) {
    throw exchangeFailure(error, route, options.signal);
  }
}

async function connect(pool: ConnectionPool, route: Route, options: ExchangeOptions, fresh: boolean): Promise<Lease> {
  using limit = limited(options.signal, {
    code: "TIMEOUT_CONNECT",
    limitMs: options.connectTimeoutMs,
    what: "no connection",
  });
  return await pool.acquire(route, { signal: limit.signal, fresh });
}

async function send(
  lease: Lease,
  route: Route,
  request: OutgoingRequest,
  options: ExchangeOptions,
): Promise<HttpResponse> {
  const { progress } = options;
  using limit = limited(options.signal, {
    code: "TIMEOUT_HEADERS",
    limitMs: options.headersTimeoutMs,
    what: "no response",
  });
  const sentAt = performance.now();
  const before = progress.sent;
  progress.sent = true;
  try {
    // The signal goes on to the body, but once the head is here its limit is over.
    const response = await lease.connection.client.request(
      wireRequest(route, request, options.keepAlive, limit.signal),
    );
    // Whoever reads the body gets its errors; one that nobody reads must not end the process.
    response.body.on("error", () => {}).once("close", () => lease.release());
    return {
      status: response.statusCode,
      statusText: response.statusText,
      headers: listHeaders(response.headers),
      body: response.body,
      connection: lease.connection.facts,
      reused: lease.reused,
      firstByteMs: performance.now() - sentAt,
    };
  } catch (error) {
    lease.release();
    if (error instanceof ConnectionGone) progress.sent = before;
    const { error: first } = lease.connection;
    throw isTlsError(first) ? first : error;
  }
}

function wireRequest(
  route: Route,
  request: OutgoingRequest,
  keepAlive: boolean,
  signal: AbortSignal,
): Dispatcher.RequestOptions {
  const { method, url, body } = request;
  const headers = toWire(request.headers);
  const forwarded = isForwarded(route);
  const proxyHeader = forwarded && route.proxy !== undefined ? proxyAuthorization(route.proxy) : undefined;
  if (proxyHeader !== undefined) headers.push("Proxy-Authorization", proxyHeader);
  const options = {
    method,
    path: (forwarded ? url.origin : "") + url.pathname + url.search,
    headers,
    // The client takes blobs, too; its types do not say so.
    body: (body ?? null) as Dispatcher.RequestOptions["body"] & {},
    signal,
    ...(keepAlive ? {} : { reset: true }),
    // Undocumented, and only compared with that of the last request: by default it comes from the `Host` header, and a job that sets
    // one would make the client drop the connection.
    servername: route.hostname,
  };
  return options;
}

function listHeaders(headers: Dispatcher.ResponseData["headers"]): Record<string, readonly string[]> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || name.startsWith(":") ? [] : [[name, Array.isArray(value) ? value : [value]] as const],
  );
  return Object.fromEntries(entries);
}

/** The other side closed the connection, or the network did. */
function isReset(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].includes(codeOf(error));
}
