import { readNamedFile } from "@executor-host/sdk/remote";
import type * as Nats from "nats";
import type { Authenticator } from "nats";

import type { Config } from "../config.ts";
import { fail } from "../failure.ts";
import type { Server } from "./servers.ts";

/** How to log in. Plain data, so that equal credentials have equal digests. */
export type Credentials =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "nkey"; readonly seed: string; readonly source: string }
  | { readonly kind: "jwt"; readonly jwt: string; readonly seed: string; readonly source: string }
  | { readonly kind: "creds"; readonly creds: string; readonly source: string };

/**
 * The credentials a job names; files are read at each execution, so that new ones count at once.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`
 */
export async function readCredentials(config: Config, signal: AbortSignal): Promise<Credentials> {
  const creds = await textOrFile(config, "creds", signal);
  if (creds !== undefined) return { kind: "creds", creds: creds.text, source: creds.source };
  const nkey = await textOrFile(config, "nkey", signal);
  if (nkey !== undefined) {
    const seed = nkey.text.trim();
    const { source } = nkey;
    return config.jwt === undefined
      ? { kind: "nkey", seed, source }
      : { kind: "jwt", jwt: config.jwt.trim(), seed, source };
  }
  if (config.token !== undefined) return { kind: "token", token: config.token };
  const { userName = "", password = "" } = config;
  return userName === "" ? { kind: "none" } : { kind: "password", user: userName, password };
}

/** What a URL says wins over the keys; a user without a password is a token. */
export function credentialsFor({ user, password }: Server, others: Credentials): Credentials {
  if (user === undefined) return others;
  return password === undefined ? { kind: "token", token: user } : { kind: "password", user, password };
}

/**
 * What the client library logs in with.
 *
 * @throws {RemoteFailure} `CREDENTIALS_INVALID`
 */
export function authenticatorOf(credentials: Credentials, nats: typeof Nats): Authenticator | undefined {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  switch (credentials.kind) {
    case "none":
      return undefined;
    case "password":
      return nats.usernamePasswordAuthenticator(credentials.user, credentials.password);
    case "token":
      return nats.tokenAuthenticator(credentials.token);
    case "nkey":
      return tried(
        nats.nkeyAuthenticator(encode(credentials.seed)),
        `${credentials.source} is not the seed of an NKey`,
      );
    case "jwt":
      return tried(
        nats.jwtAuthenticator(credentials.jwt, encode(credentials.seed)),
        `${credentials.source} is not the seed of an NKey`,
      );
    case "creds":
      return tried(nats.credsAuthenticator(encode(credentials.creds)), `${credentials.source} is not a creds file`);
  }
}

/** The library would find out only after connecting. */
function tried(authenticator: Authenticator, message: string): Authenticator {
  try {
    authenticator("a challenge");
    return authenticator;
  } catch {
    // Its error may quote what it could not read.
    throw fail("CREDENTIALS_INVALID", message);
  }
}

async function textOrFile(
  config: Config,
  key: "creds" | "nkey",
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly source: string } | undefined> {
  const text = config[key];
  if (text !== undefined) return { text, source: key };
  const path = config[`${key}_file`];
  if (path === undefined) return undefined;
  return { text: (await readNamedFile(`${key}_file`, path, signal)).toString(), source: `${key}_file ${path}` };
}
