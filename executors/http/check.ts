import type { Violation } from "@executor-host/sdk";

import type { Config } from "./config.ts";
import { bodyKeys } from "./request/body.ts";
import { hasHeader } from "./request/headers.ts";

type Key = keyof Config;

/** Keys that each way to authenticate needs, and those it may have besides. */
const authKeys: Record<
  NonNullable<Config["auth"]>,
  { readonly needs: readonly Key[]; readonly takes: readonly Key[] }
> = {
  basic: { needs: ["username"], takes: ["password"] },
  digest: { needs: ["username", "password"], takes: [] },
  bearer: { needs: ["token"], takes: [] },
  oauth2: {
    needs: ["oauth2_token_url", "oauth2_client_id", "oauth2_client_secret"],
    takes: ["oauth2_scope", "oauth2_audience"],
  },
};

/** Keys of which one at most makes sense. */
const alternatives: readonly (readonly Key[])[] = [
  bodyKeys,
  ["tlsRootCAsFile", "tls_ca"],
  ["tlsCertificateFile", "tls_certificate"],
  ["tlsCertificateKeyFile", "tls_certificate_key"],
  ["proxy", "unix_socket"],
];

/** Contradictions between keys. */
export function check(config: Config): Violation[] {
  return [
    ...alternatives.flatMap((keys) => oneAtMost(config, keys)),
    ...checkTls(config),
    ...checkAuth(config),
    ...checkParts(config),
  ];
}

function oneAtMost(config: Config, keys: readonly Key[]): Violation[] {
  const [first, ...others] = keys.filter((key) => isSet(config, key));
  return others.map((key) => violation(key, `cannot be combined with ${first}`, "use one of them"));
}

function checkTls(config: Config): Violation[] {
  const violations: Violation[] = [];
  const certificate = config.tlsCertificateFile ?? config.tls_certificate;
  const key = config.tlsCertificateKeyFile ?? config.tls_certificate_key;
  if (certificate !== undefined && key === undefined) {
    violations.push(
      violation("tlsCertificateKeyFile", "is required with a client certificate", "name the file with its key"),
    );
  }
  if (key !== undefined && certificate === undefined) {
    violations.push(
      violation("tlsCertificateFile", "is required with a key", "name the file with the client certificate"),
    );
  }
  if (config.tls_ca_mode === "extend" && config.tlsRootCAsFile === undefined && config.tls_ca === undefined) {
    violations.push(violation("tls_ca_mode", "extends nothing", "set tlsRootCAsFile or tls_ca"));
  }
  if (config.http_version === "2" && config.url.protocol !== "https:") {
    violations.push(violation("http_version", "2 needs an https URL", "HTTP/2 is negotiated in TLS; use 1.1"));
  }
  return violations;
}

function checkAuth(config: Config): Violation[] {
  const { auth } = config;
  const allowed = auth === undefined ? { needs: [], takes: [] } : authKeys[auth];
  const missing = allowed.needs.filter((key) => !isSet(config, key));
  const known = new Set(Object.values(authKeys).flatMap((keys) => [...keys.needs, ...keys.takes]));
  const stray = [...known].filter((key) => isSet(config, key) && ![...allowed.needs, ...allowed.takes].includes(key));
  const hint = (key: Key): string =>
    `it belongs to auth=${Object.keys(authKeys)
      .filter((name) => takes(name, key))
      .join(" or auth=")}`;
  return [
    ...missing.map((key) => violation(key, `is required with auth=${auth}`, "")),
    ...stray.map((key) =>
      violation(key, auth === undefined ? "has no effect without auth" : `has no effect with auth=${auth}`, hint(key)),
    ),
    ...(auth !== undefined && hasHeader(config.headers ?? [], "authorization")
      ? [violation("auth", "cannot be combined with an Authorization header", "use one of them")]
      : []),
  ];
}

function takes(name: string, key: Key): boolean {
  const keys = authKeys[name as keyof typeof authKeys];
  return keys.needs.includes(key) || keys.takes.includes(key);
}

function checkParts(config: Config): Violation[] {
  return (config.multipart ?? []).flatMap((part, index) =>
    (part.value === undefined) === (part.file === undefined)
      ? [violation(`multipart[${index}]`, "needs either value or file", "")]
      : [],
  );
}

/** An empty text counts as not set. */
function isSet(config: Config, key: Key): boolean {
  const value = config[key];
  return value !== undefined && value !== "";
}

function violation(field: string, message: string, hint: string): Violation {
  return { field, message, hint };
}
