import type { Violation } from "@executor-host/sdk";
import { checkTls, oneAtMost } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { streamKeysSet } from "./delivery/deliver.ts";
import { payloadKeys } from "./message/payload.ts";

/** Contradictions between keys. */
export function check(config: Config): Violation[] {
  return [
    ...oneAtMost(config, payloadKeys),
    ...oneAtMost(config, ["domain", "api_prefix"]),
    ...oneAtMost(config, ["nkey", "nkey_file"]),
    ...oneAtMost(config, ["creds", "creds_file"]),
    ...checkTls(config),
    ...checkTarget(config),
    ...checkMode(config),
    ...checkIdentity(config),
  ];
}

function checkTarget(config: Config): Violation[] {
  const { subject, kv_bucket: bucket, kv_key: key } = config;
  const violations: Violation[] = [];
  if (bucket === undefined && subject === undefined) {
    violations.push(violation("subject", "is required", "name the subject to publish to, or a kv_bucket"));
  }
  if (bucket !== undefined && subject !== undefined) {
    violations.push(violation("subject", "cannot be combined with kv_bucket", "use one of them"));
  }
  if (bucket !== undefined && key === undefined) {
    violations.push(violation("kv_key", "is required with kv_bucket", "name the key to put"));
  }
  for (const stray of ["kv_key", "kv_revision"] as const) {
    if (bucket === undefined && config[stray] !== undefined) {
      violations.push(violation(stray, "makes no sense without kv_bucket", "name the bucket"));
    }
  }
  for (const stray of ["expect_stream", "expect_last_subject_sequence", "reply_to", "rollup"] as const) {
    if (bucket !== undefined && config[stray] !== undefined) {
      violations.push(violation(stray, "cannot be combined with kv_bucket", "kv_revision says what the key must be"));
    }
  }
  return violations;
}

function checkMode(config: Config): Violation[] {
  const violations: Violation[] = [];
  if (config.mode === "core" || config.mode === "request") {
    for (const key of streamKeysSet(config)) {
      violations.push(
        violation(key, `has no meaning with mode=${config.mode}`, "set mode to jetstream, or leave it out"),
      );
    }
  }
  if (
    config.reply_to !== undefined &&
    (config.mode === "jetstream" || config.mode === "request" || streamKeysSet(config).length > 0)
  ) {
    violations.push(violation("reply_to", "cannot be combined with waiting for an answer", "set mode to core"));
  }
  if (config.mode !== "request" && config.replies !== 1) {
    violations.push(violation("replies", "makes no sense without mode=request", "set mode to request"));
  }
  return violations;
}

function checkIdentity(config: Config): Violation[] {
  const violations: Violation[] = [];
  const nkey = config.nkey ?? config.nkey_file;
  const ways = {
    userName: config.userName || undefined,
    token: config.token,
    [config.nkey === undefined ? "nkey_file" : "nkey"]: nkey,
    [config.creds === undefined ? "creds_file" : "creds"]: config.creds ?? config.creds_file,
  };
  violations.push(...oneAtMost(ways, Object.keys(ways)));
  if (config.jwt !== undefined && nkey === undefined) {
    violations.push(violation("jwt", "is not enough without its seed", "set nkey or nkey_file, or use creds"));
  }
  if (config.password && !config.userName) {
    violations.push(violation("userName", "is required with a password", "name the user"));
  }
  return violations;
}

function violation(field: string, message: string, hint: string): Violation {
  return { field, message, hint };
}
