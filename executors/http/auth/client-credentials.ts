import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import { messageOf, RequestFailure } from "../failure.ts";
import type { HeaderList } from "../request/headers.ts";
import type { OutgoingRequest } from "../request/redirect.ts";
import { basic } from "./authenticator.ts";
import type { Token } from "./token-cache.ts";

/** The answer of a token server. */
export interface TokenResponse {
  readonly status: number;
  readonly text: string;
}

/** The request for a token with client credentials. Source: RFC 6749, sections 2.3.1 and 4.4. */
export function tokenRequest(config: Config, url: URL): OutgoingRequest {
  const { oauth2_client_id: id = "", oauth2_client_secret: secret = "", oauth2_client_auth: place } = config;
  const form = new URLSearchParams({ grant_type: "client_credentials" });
  if (config.oauth2_scope !== undefined) form.set("scope", config.oauth2_scope);
  if (config.oauth2_audience !== undefined) form.set("audience", config.oauth2_audience);
  const headers: HeaderList[number][] = [
    ["Content-Type", "application/x-www-form-urlencoded"],
    ["Accept", "application/json"],
  ];
  if (place === "header") headers.push(["Authorization", basic(encodeURIComponent(id), encodeURIComponent(secret))]);
  else {
    form.set("client_id", id);
    form.set("client_secret", secret);
  }
  return { method: "POST", url, headers, body: Buffer.from(form.toString(), "utf8") };
}

/**
 * The token in an answer. Source: RFC 6749, sections 5.1 and 5.2.
 *
 * @throws {RequestFailure} `AUTH_FAILED` when the server refuses us, `TOKEN_UNAVAILABLE` when it is in trouble
 */
export function readToken({ status, text }: TokenResponse, nowMs = Date.now()): Token {
  let json: Record<string, unknown> = {};
  try {
    json = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    // What is no JSON holds no token, and that is said below.
  }
  const { access_token: value, token_type: type, expires_in: seconds, error } = json;
  if (status !== 200) {
    const reason = typeof error === "string" && /^[\w.-]{1,64}$/.test(error) ? ` (${error})` : "";
    const transient = status === 408 || status === 429 || status >= 500;
    throw new RequestFailure(
      transient ? "TOKEN_UNAVAILABLE" : "AUTH_FAILED",
      `token server answered with status ${status}${reason}, expected 200`,
      transient ? {} : { hint: "check oauth2_client_id, oauth2_client_secret and oauth2_scope" },
    );
  }
  if (typeof value !== "string" || value === "")
    throw new RequestFailure("AUTH_FAILED", "token server sent no access_token");
  if (typeof type === "string" && type.toLowerCase() !== "bearer") {
    throw new RequestFailure(
      "AUTH_FAILED",
      `token server sent a token of another type: ${JSON.stringify(type.slice(0, 32))}, expected bearer`,
    );
  }
  const lifetimeMs = Number(seconds) > 0 ? Number(seconds) * 1000 : limits.tokenLifetimeMs;
  return { value, expiresAtMs: nowMs + lifetimeMs };
}

/** Whatever keeps us from a token is about the token server, and the job's own request was not sent. */
export function tokenFailure(error: unknown): unknown {
  if (!(error instanceof RequestFailure) || error.code === "AUTH_FAILED" || error.code === "TOKEN_UNAVAILABLE")
    return error;
  return new RequestFailure("TOKEN_UNAVAILABLE", `token server: ${messageOf(error)}`, {
    hint: error.hint,
    retryability: error.retryability,
    cause: error,
  });
}
