import { createHash, randomBytes } from "node:crypto";

import type { Config } from "../config.ts";
import { RequestFailure } from "../failure.ts";
import { parseChallenges } from "./challenges.ts";
import { digestAuthorization, digestChallenge, type DigestChallenge } from "./digest.ts";
import type { Token, TokenCache } from "./token-cache.ts";

/** What a request looks like to somebody who authenticates it. */
export interface AuthenticatedRequest {
  readonly method: string;
  readonly url: URL;
}

/** Says who we are to one origin. Lives as long as one attempt. */
export interface Authenticator {
  /** The value of the `Authorization` header; undefined means none, for now. */
  authorize(request: AuthenticatedRequest, signal: AbortSignal): Promise<string | undefined>;
  /**
   * The server answered 401.
   *
   * @returns true when the same request may be let in with what `authorize` says now
   */
  challenged(headers: Readonly<Record<string, readonly string[]>>): boolean;
}

/** @returns undefined when the job says nothing about itself */
export function authenticatorOf(
  config: Config,
  tokens: TokenCache,
  fetchToken: () => Promise<Token>,
): Authenticator | undefined {
  switch (config.auth) {
    case "basic":
      return fixed(basic(config.username ?? "", config.password ?? ""));
    case "bearer":
      return fixed(`Bearer ${config.token}`);
    case "digest":
      return new DigestAuthenticator(config.username ?? "", config.password ?? "");
    case "oauth2":
      return new TokenAuthenticator(tokens, tokenKey(config), fetchToken);
    default:
      return fromUrl(config.url);
  }
}

function fromUrl({ username, password }: URL): Authenticator | undefined {
  if (username === "" && password === "") return undefined;
  return fixed(basic(decodeURIComponent(username), decodeURIComponent(password)));
}

export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

function fixed(value: string): Authenticator {
  return { authorize: () => Promise.resolve(value), challenged: () => false };
}

class DigestAuthenticator implements Authenticator {
  readonly #username: string;
  readonly #password: string;
  #challenge: DigestChallenge | undefined;
  #count = 0;

  constructor(username: string, password: string) {
    this.#username = username;
    this.#password = password;
  }

  authorize({ method, url }: AuthenticatedRequest): Promise<string | undefined> {
    if (this.#challenge === undefined) return Promise.resolve(undefined);
    this.#count++;
    const request = {
      method,
      uri: url.pathname + url.search,
      username: this.#username,
      password: this.#password,
      count: this.#count,
      cnonce: randomBytes(12).toString("hex"),
    };
    return Promise.resolve(digestAuthorization(this.#challenge, request));
  }

  challenged(headers: Readonly<Record<string, readonly string[]>>): boolean {
    const challenge = digestChallenge(parseChallenges(headers["www-authenticate"] ?? []));
    if (challenge === undefined) {
      throw new RequestFailure("AUTH_FAILED", "the server does not offer digest authentication that can be met", {
        hint: "qop auth, with MD5, SHA-256 or SHA-512-256, is supported; or use auth=basic",
      });
    }
    // A second demand means that the first answer was wrong, unless only the nonce was too old.
    const again = this.#challenge === undefined || (challenge.stale && challenge.nonce !== this.#challenge.nonce);
    this.#challenge = challenge;
    this.#count = 0;
    return again;
  }
}

class TokenAuthenticator implements Authenticator {
  readonly #tokens: TokenCache;
  readonly #key: string;
  readonly #fetch: () => Promise<Token>;
  #used = "";
  #renewed = false;

  constructor(tokens: TokenCache, key: string, fetch: () => Promise<Token>) {
    this.#tokens = tokens;
    this.#key = key;
    this.#fetch = fetch;
  }

  async authorize(_request: AuthenticatedRequest, signal: AbortSignal): Promise<string> {
    this.#used = await this.#tokens.get(this.#key, this.#fetch, { signal });
    return `Bearer ${this.#used}`;
  }

  challenged(): boolean {
    this.#tokens.forget(this.#key, this.#used);
    const again = !this.#renewed;
    this.#renewed = true;
    return again;
  }
}

/** A digest, as the secret is part of it. */
function tokenKey(config: Config): string {
  const { oauth2_token_url: url, oauth2_client_id: id, oauth2_client_secret: secret } = config;
  return createHash("sha256")
    .update(
      JSON.stringify([url?.href, id, secret, config.oauth2_scope, config.oauth2_audience, config.oauth2_client_auth]),
    )
    .digest("base64url");
}
