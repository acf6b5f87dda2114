import type { Config } from "../config.ts";
import type { ConnectionPool } from "../connection/pool.ts";
import { limits } from "../defaults.ts";
import { exchange } from "../exchange.ts";
import { RequestFailure } from "../failure.ts";
import type { RouteTo } from "../request/prepare.ts";
import { limited } from "../time-limit.ts";
import { readToken, tokenFailure, tokenRequest } from "./client-credentials.ts";
import type { Token } from "./token-cache.ts";

/**
 * Get a token with client credentials, along the same proxy and with the same TLS settings as the job's own request.
 *
 * @throws {RequestFailure} `AUTH_FAILED`, `TOKEN_UNAVAILABLE`
 */
export async function fetchToken(config: Config, pool: ConnectionPool, routeTo: RouteTo): Promise<Token> {
  const url = config.oauth2_token_url ?? config.url;
  // Others may be waiting for this token as well, so it does not end with the execution that asked first.
  using limit = limited(new AbortController().signal, {
    code: "TOKEN_UNAVAILABLE",
    limitMs: limits.tokenTimeoutMs,
    what: "token server did not answer",
  });
  try {
    const response = await exchange(pool, { ...routeTo(url, true), unixSocket: undefined }, tokenRequest(config, url), {
      signal: limit.signal,
      connectTimeoutMs: config.connect_timeout,
      headersTimeoutMs: 0,
      keepAlive: true,
      progress: { sent: false },
    });
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limits.tokenBytes)
        throw new RequestFailure("AUTH_FAILED", `token server sent more than ${limits.tokenBytes} bytes`);
      pieces.push(chunk);
    }
    return readToken({ status: response.status, text: Buffer.concat(pieces).toString("utf8") });
  } catch (error) {
    throw tokenFailure(error);
  }
}
