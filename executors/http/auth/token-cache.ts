import { abortable } from "../abortable.ts";
import { limits } from "../defaults.ts";

/** A token and when to stop using it. */
export interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** Tokens by the digest of what they were asked for with. Executions that need the same token at the same time share one request. */
export class TokenCache {
  /** In the order of last use. */
  readonly #tokens = new Map<string, Token>();
  readonly #fetching = new Map<string, Promise<Token>>();

  /**
   * The token for `key`, from `fetch` if there is none that is still good.
   *
   * @param fetch is on behalf of everybody who waits, so it must bring its own time limit
   * @throws what `fetch` throws; the next caller tries anew
   * @throws `options.signal.reason`; others go on waiting
   */
  async get(key: string, fetch: () => Promise<Token>, options: { readonly signal: AbortSignal }): Promise<string> {
    const kept = this.#tokens.get(key);
    if (kept !== undefined && kept.expiresAtMs - limits.tokenMarginMs > Date.now()) {
      this.#keep(key, kept);
      return kept.value;
    }
    const fetching = this.#fetching.get(key) ?? this.#fetch(key, fetch);
    return (await abortable(fetching, options.signal)).value;
  }

  /** Drop a token that a server has refused, unless there is a newer one by now. */
  forget(key: string, value: string): void {
    if (this.#tokens.get(key)?.value === value) this.#tokens.delete(key);
  }

  async #fetch(key: string, fetch: () => Promise<Token>): Promise<Token> {
    const fetching = fetch();
    this.#fetching.set(key, fetching);
    try {
      const token = await fetching;
      this.#keep(key, token);
      return token;
    } finally {
      this.#fetching.delete(key);
    }
  }

  #keep(key: string, token: Token): void {
    this.#tokens.delete(key);
    this.#tokens.set(key, token);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= limits.tokens) break;
      this.#tokens.delete(oldest);
    }
  }
}
