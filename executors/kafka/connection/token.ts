import { abortable } from "@executor-host/sdk/remote";

import { limits } from "../defaults.ts";
import { failure } from "../failure.ts";
import type { TokenSource } from "./settings.ts";

type ClientCredentials = TokenSource & { readonly kind: "client-credentials" };

interface Fetched {
  readonly token: string;
  readonly untilMs: number;
}

/** Gets the token of an OAUTHBEARER login, and keeps it while it is good. */
export class Token {
  readonly #source: TokenSource;
  #kept: Promise<Fetched> | undefined;
  #untilMs = Infinity;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** @throws {RemoteFailure} `TOKEN_UNAVAILABLE`, `AUTH_FAILED` */
  async get(signal: AbortSignal): Promise<string> {
    const source = this.#source;
    if (source.kind === "given") return source.token;
    if (this.#untilMs <= Date.now()) this.#kept = undefined;
    // Who comes meanwhile waits for the same answer; one that has failed is not kept.
    this.#kept ??= this.#fetch(source);
    const { token } = await abortable(this.#kept, signal);
    return token;
  }

  async #fetch(source: ClientCredentials): Promise<Fetched> {
    this.#untilMs = Infinity;
    try {
      const fetched = await fetchToken(source);
      this.#untilMs = fetched.untilMs;
      return fetched;
    } catch (error) {
      this.#kept = undefined;
      throw error;
    }
  }
}

/** Source: RFC 6749, section 4.4. */
async function fetchToken(source: ClientCredentials): Promise<Fetched> {
  const { url, clientId, clientSecret, scope } = source;
  const { host } = new URL(url);
  const form = new URLSearchParams({ grant_type: "client_credentials", ...(scope !== undefined && { scope }) });
  const credentials = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`);
  let status: number;
  let answer: string;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Basic ${credentials.toString("base64")}`, accept: "application/json" },
      body: form,
      // A redirect could take the secret elsewhere.
      redirect: "error",
      signal: AbortSignal.timeout(limits.tokenMs),
    });
    status = response.status;
    answer = await response.text();
  } catch (error) {
    throw failure("TOKEN_UNAVAILABLE", `no answer from the token server ${host}`, { cause: error });
  }
  if (status === 400 || status === 401 || status === 403) {
    throw failure("AUTH_FAILED", `the token server ${host} refuses the client: status ${status}`, {
      hint: "check sasl_client_id, sasl_client_secret and sasl_scope",
    });
  }
  const fields = answer.length <= limits.tokenBytes && status === 200 ? readFields(answer) : undefined;
  const token = fields?.["access_token"];
  if (typeof token !== "string") {
    throw failure("TOKEN_UNAVAILABLE", `the token server ${host} answers without a token: status ${status}`);
  }
  const seconds = Number(fields?.["expires_in"]);
  const lifetimeMs = seconds > 0 ? seconds * 1000 : limits.tokenLifetimeMs;
  return { token, untilMs: Date.now() + lifetimeMs - Math.min(limits.tokenMarginMs, lifetimeMs / 2) };
}

function readFields(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
