import { createHash } from "node:crypto";

import type { Execution } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { showOwner, type Owner } from "./owner.ts";

/** What is written on each container. */
export const labelKeys = {
  execution: "io.executor-host.execution",
  attempt: "io.executor-host.attempt",
  job: "io.executor-host.job",
  /** Digest of the config: the same execution id with another config is another execution. */
  config: "io.executor-host.config",
  /** The process that looks after it. */
  owner: "io.executor-host.owner",
  /** When the host will stop it, in ISO 8601. */
  deadline: "io.executor-host.deadline",
  onHostLoss: "io.executor-host.on-host-loss",
} as const;

type Named = Pick<Execution<Config>, "id" | "attempt">;

/** The one name under which an attempt's container can exist: an engine gives it to one container only. */
export function containerName({ id, attempt }: Named): string {
  const readable = /^[\w.-]{1,100}$/.test(id);
  const part = readable ? id : createHash("sha256").update(id).digest("hex").slice(0, 40);
  return `executor-host-${readable ? "" : "x-"}${part}-${attempt}`;
}

/** The name of a container that is kept for people to look at: it is nobody's any more. */
export function keptName(name: string, id: string): string {
  return `${name}-kept-${id.slice(0, 12)}`;
}

export function isKeptName(name: string): boolean {
  return /-kept-[0-9a-f]{12}$/.test(name);
}

export function labelsOf(execution: Execution<Config>, owner: Owner): Record<string, string> {
  const { id, attempt, jobName, deadline, config } = execution;
  return {
    ...execution.labels,
    ...config.labels,
    [labelKeys.execution]: id,
    [labelKeys.attempt]: String(attempt),
    [labelKeys.job]: jobName,
    [labelKeys.config]: configDigest(config),
    [labelKeys.owner]: showOwner(owner),
    [labelKeys.onHostLoss]: config.on_host_loss,
    ...(deadline !== undefined && { [labelKeys.deadline]: deadline.toISOString() }),
  };
}

export function configDigest(config: Config): string {
  const text = JSON.stringify(config, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
  );
  return createHash("sha256").update(text).digest("hex");
}
