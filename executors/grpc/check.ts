import type { Violation } from "@executor-host/sdk";
import { checkTls, oneAtMost, tlsKeysSet } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";

/** Contradictions between keys. */
export function check(config: Config): Violation[] {
  return [
    ...oneAtMost(config, ["body", "body_file"]),
    ...oneAtMost(config, ["descriptor_set", "descriptor_set_file", "proto_files"]),
    ...checkTls(config),
    ...checkTlsUse(config),
    ...checkMethod(config),
    ...checkHeaders(config),
  ];
}

function checkMethod({
  url,
  method,
  health,
  health_service: service,
  body,
  body_file: file,
  proto_files: protos,
  proto_paths: paths,
  expect_message: expected,
}: Config): Violation[] {
  const violations: Violation[] = [];
  const named = url.method ?? method;
  if (url.method !== undefined && method !== undefined) {
    violations.push(violation("method", "is named by url already", "use one of them"));
  }
  if (health) {
    if (named !== undefined) {
      violations.push(violation("health", "cannot be combined with a method", "name only the server in url"));
    }
    if (expected !== undefined) {
      violations.push(violation("expect_message", "cannot be combined with health", "success means SERVING"));
    }
    if (body || file !== undefined) {
      violations.push(
        violation(
          body ? "body" : "body_file",
          "cannot be combined with health",
          "health_service says what to ask about",
        ),
      );
    }
  } else if (named === undefined) {
    violations.push(
      violation("url", "names no method", "write HOST:PORT/package.Service/Method, or set method or health"),
    );
  }
  if (!health && service !== undefined) {
    violations.push(violation("health_service", "makes no sense without health", "set health to true"));
  }
  if (protos === undefined && paths.length > 0) {
    violations.push(violation("proto_paths", "makes no sense without proto_files", "name the files"));
  }
  return violations;
}

function checkTlsUse(config: Config): Violation[] {
  const { tls, url } = config;
  const violations: Violation[] = [];
  if (tls !== undefined && url.tls !== undefined && tls !== url.tls) {
    violations.push(violation("tls", "contradicts the scheme of url", "leave one of them out"));
  }
  const [first] = tlsKeysSet(config);
  if (first !== undefined && (tls ?? url.tls) === false) {
    violations.push(violation(first, "makes no sense without TLS", "write https:// or set tls to true"));
  }
  return violations;
}

function checkHeaders({ headers = [], token }: Config): Violation[] {
  return token !== undefined && headers.some(([name]) => name === "authorization")
    ? [violation("token", "cannot be combined with a header authorization", "use one of them")]
    : [];
}

function violation(field: string, message: string, hint: string): Violation {
  return { field, message, hint };
}
