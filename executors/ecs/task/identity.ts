import { createHash } from "node:crypto";

import type { Execution } from "@executor-host/sdk";

import type { Config } from "../config.ts";

type Named = Pick<Execution<Config>, "id" | "attempt">;

export const tagKeys = {
  execution: "executor-host:execution",
  attempt: "executor-host:attempt",
  job: "executor-host:job",
  /** Digest of the config: the same execution id with another config is another execution. */
  config: "executor-host:config",
  /** On task definitions: digest of the text they were made from. */
  definition: "executor-host:definition",
} as const;

/** What an attempt's task says it was started by: the same for the same attempt, wherever it is executed. */
export function startedBy({ id, attempt }: Named): string {
  return `eh-${digest(`${id} ${attempt}`).slice(0, 32)}`;
}

/** The service starts one task for a token. */
export function clientToken({ id, attempt }: Named): string {
  return digest(`token ${id} ${attempt}`);
}

export function configDigest(config: Config): string {
  return digest(JSON.stringify(config));
}

export function tagsOf({ id, attempt, jobName, config, labels }: Execution<Config>): { key: string; value: string }[] {
  const tags = {
    ...labels,
    ...config.tags,
    [tagKeys.execution]: id,
    [tagKeys.attempt]: String(attempt),
    ...(jobName !== "" && { [tagKeys.job]: jobName }),
    [tagKeys.config]: configDigest(config),
  };
  return Object.entries(tags).map(([key, value]) => ({
    key: allowed(key).slice(0, 128),
    value: allowed(value).slice(0, 256),
  }));
}

/** The service takes letters, digits, blanks and some signs in tags. */
function allowed(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}\s_.:/=+\-@]/gu, "_");
}

export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
