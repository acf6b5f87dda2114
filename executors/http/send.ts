import type { Attempt } from "./attempt-record.ts";
import { authenticatorOf } from "./auth/authenticator.ts";
import { fetchToken } from "./auth/fetch-token.ts";
import type { Config } from "./config.ts";
import type { HttpResponse } from "./exchange.ts";
import { follow, type Journey, type JourneyProgress } from "./follow.ts";
import type { OutgoingRequest } from "./request/redirect.ts";
import type { TimeLimit } from "./time-limit.ts";

/** The limit of one exchange, with redirects and body. */
export function totalLimit({ timeout }: Config): TimeLimit {
  return { code: "TIMEOUT_TOTAL", limitMs: timeout, what: "not finished" };
}

/** Send a request of this attempt, with its credentials, and follow it to its answer. */
export function send(
  { execution, prepared, services, trace }: Attempt,
  request: OutgoingRequest,
  progress: JourneyProgress,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const { config } = execution;
  const { pool, tokens } = services;
  const { routeTo } = prepared;
  const authenticator = authenticatorOf(config, tokens, () => fetchToken(config, pool, routeTo));
  const journey: Journey = { config, pool, routeTo, authenticator, trace, signal, progress };
  return follow(request, journey);
}
