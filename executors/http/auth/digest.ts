import { createHash } from "node:crypto";

import type { Challenge } from "./challenges.ts";

/** Hash functions by the names that servers use, the best first. */
const hashes = { "SHA-512-256": "sha512-256", "SHA-256": "sha256", MD5: "md5" } as const;

type Algorithm = keyof typeof hashes;

/** A server's demand for digest authentication. Source: RFC 7616, section 3.3; RFC 2617 for servers without `qop`. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: Algorithm;
  /** The key is tied to this nonce. */
  readonly session: boolean;
  /** Undefined: a server of the time before `qop`. */
  readonly qop: "auth" | undefined;
  /** The name is to be sent as a hash. */
  readonly userhash: boolean;
  /** Only the nonce was too old; the credentials may be right. */
  readonly stale: boolean;
}

export interface DigestRequest {
  readonly method: string;
  /** Path and query. */
  readonly uri: string;
  readonly username: string;
  readonly password: string;
  /** How many requests used this nonce so far, this one included. */
  readonly count: number;
  /** Our own random part. */
  readonly cnonce: string;
}

/** @returns the strongest demand that can be met; undefined when there is none */
export function digestChallenge(challenges: readonly Challenge[]): DigestChallenge | undefined {
  const usable = challenges.flatMap(({ scheme, parameters }) => {
    const { realm = "", nonce, opaque, qop } = parameters;
    const [, name = "", session] = /^(.*?)(-sess)?$/i.exec(parameters["algorithm"] ?? "MD5") ?? [];
    const algorithm = name.toUpperCase();
    const offersAuth = qop === undefined || qop.split(",").some((one) => one.trim().toLowerCase() === "auth");
    if (scheme !== "digest" || nonce === undefined || !isAlgorithm(algorithm) || !offersAuth) return [];
    const challenge: DigestChallenge = {
      realm,
      nonce,
      opaque,
      algorithm,
      session: session !== undefined,
      qop: qop === undefined ? undefined : "auth",
      userhash: parameters["userhash"]?.toLowerCase() === "true",
      stale: parameters["stale"]?.toLowerCase() === "true",
    };
    return [challenge];
  });
  const order = Object.keys(hashes);
  return usable.toSorted((one, other) => order.indexOf(one.algorithm) - order.indexOf(other.algorithm))[0];
}

function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(hashes, name);
}

/** The `Authorization` header that answers a challenge. */
export function digestAuthorization(challenge: DigestChallenge, request: DigestRequest): string {
  const { realm, nonce, opaque, algorithm, session, qop, userhash } = challenge;
  const { username, password, method, uri, cnonce } = request;
  const hash = (...parts: readonly string[]): string =>
    createHash(hashes[algorithm]).update(parts.join(":"), "utf8").digest("hex");
  const nc = request.count.toString(16).padStart(8, "0");
  const plain = hash(username, realm, password);
  const secret = session ? hash(plain, nonce, cnonce) : plain;
  const target = hash(method, uri);
  const response = qop === undefined ? hash(secret, nonce, target) : hash(secret, nonce, nc, cnonce, qop, target);
  const fields = [
    `username=${quote(userhash ? hash(username, realm) : username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `algorithm=${algorithm}${session ? "-sess" : ""}`,
    `response="${response}"`,
    ...(qop === undefined ? [] : [`qop=${qop}`, `nc=${nc}`]),
    ...(qop === undefined && !session ? [] : [`cnonce=${quote(cnonce)}`]),
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
    ...(userhash ? ["userhash=true"] : []),
  ];
  return `Digest ${fields.join(", ")}`;
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
