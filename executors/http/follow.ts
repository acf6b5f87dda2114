import type { Readable } from "node:stream";

import type { Authenticator } from "./auth/authenticator.ts";
import type { Config } from "./config.ts";
import type { ConnectionPool } from "./connection/pool.ts";
import { limits } from "./defaults.ts";
import { exchange, type ExchangeProgress, type HttpResponse } from "./exchange.ts";
import { RequestFailure } from "./failure.ts";
import { redactUrl } from "./redact.ts";
import { withDefaults } from "./request/headers.ts";
import type { RouteTo } from "./request/prepare.ts";
import { redirected, type OutgoingRequest } from "./request/redirect.ts";
import { traceRequest, traceResponse, type Trace } from "./trace.ts";

/** A redirect that was followed. */
export interface Hop {
  readonly status: number;
  /** Where it led; without secrets. */
  readonly location: string;
}

/** How far a request and its redirects have come. */
export interface JourneyProgress extends ExchangeProgress {
  /** Where the last request went. */
  url: URL;
  readonly hops: Hop[];
  /** Still at the origin that the job names; credentials go no further. */
  trusted: boolean;
}

export interface Journey {
  readonly config: Config;
  readonly pool: ConnectionPool;
  readonly routeTo: RouteTo;
  readonly authenticator: Authenticator | undefined;
  readonly trace: Trace;
  readonly signal: AbortSignal;
  readonly progress: JourneyProgress;
}

/**
 * Send a request, answer the server's question who we are, and follow redirects.
 *
 * @returns the response to take as the answer, its body still to be read
 * @throws {RequestFailure}
 * @throws `journey.signal.reason`
 */
export async function follow(first: OutgoingRequest, journey: Journey): Promise<HttpResponse> {
  const { config, progress } = journey;
  let request = first;
  for (;;) {
    progress.url = request.url;
    const response = await authenticated(request, journey);
    const next = redirected(request, response, config.redirects);
    if (next === undefined) return response;
    await discard(response.body);
    progress.hops.push({ status: response.status, location: redactUrl(next.url) });
    if (progress.hops.length > config.max_redirects) {
      throw new RequestFailure(
        "TOO_MANY_REDIRECTS",
        `more than ${config.max_redirects} redirects, the last one to ${redactUrl(next.url)}`,
        {
          hint: "set max_redirects, or redirects=off to look at the first one",
        },
      );
    }
    progress.trusted &&= next.url.origin === request.url.origin;
    request = next;
  }
}

async function authenticated(request: OutgoingRequest, journey: Journey): Promise<HttpResponse> {
  const authenticator = journey.progress.trusted ? journey.authenticator : undefined;
  for (let answers = 0; ; answers++) {
    const authorization = await authenticator?.authorize(request, journey.signal);
    const headers = withDefaults(
      request.headers,
      authorization === undefined ? [] : [["Authorization", authorization]],
    );
    const response = await traced({ ...request, headers }, journey);
    // A server that is never content must not keep us busy for ever.
    const exhausted = answers >= limits.authAnswers;
    if (response.status !== 401 || exhausted || !authenticator?.challenged(response.headers)) return response;
    await discard(response.body);
  }
}

async function traced(request: OutgoingRequest, journey: Journey): Promise<HttpResponse> {
  const { config, pool, routeTo, trace, signal, progress } = journey;
  traceRequest(trace, request);
  const response = await exchange(pool, routeTo(request.url, progress.trusted), request, {
    signal,
    connectTimeoutMs: config.connect_timeout,
    headersTimeoutMs: config.headers_timeout ?? 0,
    keepAlive: config.keep_alive,
    progress,
  });
  traceResponse(trace, response);
  return response;
}

/**
 * Let go of a body that nobody wants. One that is short, in bytes and in time, is read to its end, so that its connection can be used
 * again; otherwise the connection is closed.
 */
export async function discard(body: Readable): Promise<void> {
  const timer = setTimeout(() => body.destroy(), limits.discardMs);
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limits.discardBytes) break;
    }
  } catch {
    // What breaks off here was not wanted; if the whole attempt was aborted, its next step says so.
  } finally {
    clearTimeout(timer);
  }
}
