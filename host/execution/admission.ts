import { hash } from "node:crypto";
import { HostError, type Violation } from "@executor-host/proto/shared/error";
import type { Capabilities, ExecutionSpec, Limits } from "../model/model.ts";
import { formatDuration } from "../settings/duration.ts";
import type { FullLimits } from "./limits-in-force.ts";
import type { SlotRequest } from "./slots.ts";

const idForm = /^[A-Za-z0-9._:-]{1,128}$/;
const executorForm = /^[a-z0-9][a-z0-9_-]*$/;
/** What a timer of the runtime can hold, about 24 days. */
const maxTimeoutMs = 2 ** 31 - 1;
const maxAttempts = 1_000;
const maxJobNameLength = 1_024;
const maxLabels = 64;
const maxLabelLength = 1_024;
const maxPriority = 100;
const maxKeyLength = 256;

/** What the host sets for executions that set nothing, and the most they may have. */
export interface LimitDefaults extends Limits, LimitMaxima {
  readonly graceMs: number;
  /** Also the most an execution may ask for. */
  readonly maxOutputBytes: number;
}

/** The most an execution may have of a limit. */
export interface LimitMaxima {
  readonly maxAttemptTimeoutMs?: number | undefined;
  readonly maxTotalTimeoutMs?: number | undefined;
}

/** Everything of a spec that can be judged without its executor. */
export function checkSpec(spec: ExecutionSpec, maxConfigBytes: number): readonly Violation[] {
  const violations: Violation[] = [];
  const refuse = (field: string, message: string, hint: string) => violations.push({ field, message, hint });
  if (!idForm.test(spec.id)) {
    refuse("execution_id", `not a usable id: "${shown(spec.id)}"`, "1 to 128 of letters, digits, . _ : -");
  }
  if (!executorForm.test(spec.executor)) {
    refuse(
      "executor",
      `not a name of an executor: "${shown(spec.executor)}"`,
      'lower-case letters, digits, "_" and "-", such as shell',
    );
  }
  if (spec.jobName.length > maxJobNameLength) {
    refuse("job_name", `too long: ${spec.jobName.length} characters`, `at most ${maxJobNameLength}`);
  }
  for (const [key, value] of Object.entries(spec.limits) as [keyof Limits, number | undefined][]) {
    if (value === undefined || key === "maxOutputBytes") continue;
    violations.push(...checkWait(`limits.${snake(key)}`, value, key === "graceMs" ? 0 : 1));
  }
  const { maxAttempts: attempts, multiplier, initialBackoffMs, maxBackoffMs } = spec.retry;
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > maxAttempts) {
    refuse("retry.max_attempts", `out of range: ${attempts}`, `1 to ${maxAttempts}`);
  }
  if (!(multiplier >= 1 && multiplier <= 100)) refuse("retry.multiplier", `out of range: ${multiplier}`, "1 to 100");
  for (const [key, value] of Object.entries({ initial_backoff: initialBackoffMs, max_backoff: maxBackoffMs })) {
    if (value < 0 || value > maxTimeoutMs) refuse(`retry.${key}`, `out of range: ${value / 1000}s`, "0 to 24 days");
  }
  const { priority, fairnessKey, concurrencyKey, maxConcurrent, whenBusy } = spec.queueing;
  if (Math.abs(priority) > maxPriority) {
    refuse("queueing.priority", `out of range: ${priority}`, `-${maxPriority} to ${maxPriority}`);
  }
  for (const [key, value] of Object.entries({ fairness_key: fairnessKey, concurrency_key: concurrencyKey })) {
    if (value.length > maxKeyLength) {
      refuse(`queueing.${key}`, `too long: ${value.length} characters`, `at most ${maxKeyLength}`);
    }
  }
  if (concurrencyKey === "" && (maxConcurrent !== 1 || whenBusy !== "QUEUE")) {
    const field = maxConcurrent === 1 ? "when_busy" : "max_concurrent";
    refuse(`queueing.${field}`, "means nothing without a concurrency_key", "name the key whose executions count");
  }
  const labels = Object.entries(spec.labels);
  if (labels.length > maxLabels) refuse("labels", `too many: ${labels.length}`, `at most ${maxLabels}`);
  for (const [name, value] of labels) {
    if (name.length + value.length > maxLabelLength) {
      refuse(`labels.${shown(name)}`, "too long", `name and value at most ${maxLabelLength} characters together`);
    }
  }
  const configBytes = sizeOf(spec.config);
  if (configBytes > maxConfigBytes) {
    throw new HostError("REQUEST_TOO_LARGE", `config is too large: ${configBytes} bytes`, {
      hint: `at most ${maxConfigBytes} bytes (max-config-bytes); pass large data as a file`,
      violations: [{ field: "config", message: `${configBytes} bytes`, hint: `at most ${maxConfigBytes}` }],
    });
  }
  return violations;
}

/** Everything wrong with a wait that a caller asks for; nothing, if there is none. @param leastMs 0 or 1 */
export function checkWait(field: string, waitMs: number | undefined, leastMs: number): readonly Violation[] {
  if (waitMs === undefined || (waitMs >= leastMs && waitMs <= maxTimeoutMs)) return [];
  const hint = leastMs === 0 ? "0 to 24 days" : "more than zero, at most 24 days; leave it out for no limit";
  return [{ field, message: `out of range: ${waitMs / 1000}s`, hint }];
}

/** @throws {HostError} */
export function refuseViolations(code: "SPEC_INVALID" | "CONFIG_INVALID", violations: readonly Violation[]): void {
  const [first] = violations;
  if (first === undefined) return;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  throw new HostError(code, `${first.field}: ${first.message}${more}`, { hint: first.hint, violations });
}

/** What is asked for beyond the most there is. */
export function checkMaxima(limits: Limits, { maxAttemptTimeoutMs, maxTotalTimeoutMs }: LimitMaxima): Violation[] {
  const rows = [
    ["attempt_timeout", limits.attemptTimeoutMs, maxAttemptTimeoutMs],
    ["total_timeout", limits.totalTimeoutMs, maxTotalTimeoutMs],
  ] as const;
  return rows.flatMap(([name, askedMs = 0, mostMs = Infinity]) => {
    if (askedMs <= mostMs) return [];
    const message = `more than this host allows: ${formatDuration(askedMs)}`;
    return [{ field: `limits.${name}`, message, hint: `at most ${formatDuration(mostMs)}` }];
  });
}

/** What an executor cannot keep of the limits that are asked for. */
export function checkAbilities(spec: ExecutionSpec, capabilities: Capabilities): readonly Violation[] {
  if (spec.limits.heartbeatTimeoutMs === undefined || capabilities.heartbeat) return [];
  return [
    {
      field: "limits.heartbeat_timeout",
      message: `executor "${spec.executor}" hears no heartbeats of its work`,
      hint: "set no_output_timeout, which goes by output and progress",
    },
  ];
}

/** @param capabilities of the executor that is going to keep them */
export function withDefaults(limits: Limits, defaults: LimitDefaults, capabilities: Capabilities): FullLimits {
  return {
    queueTimeoutMs: limits.queueTimeoutMs ?? defaults.queueTimeoutMs,
    startTimeoutMs: limits.startTimeoutMs ?? defaults.startTimeoutMs,
    attemptTimeoutMs: limits.attemptTimeoutMs ?? least(defaults.attemptTimeoutMs, defaults.maxAttemptTimeoutMs),
    totalTimeoutMs: limits.totalTimeoutMs ?? least(defaults.totalTimeoutMs, defaults.maxTotalTimeoutMs),
    noOutputTimeoutMs: limits.noOutputTimeoutMs ?? defaults.noOutputTimeoutMs,
    heartbeatTimeoutMs: limits.heartbeatTimeoutMs ?? (capabilities.heartbeat ? defaults.heartbeatTimeoutMs : undefined),
    graceMs: limits.graceMs ?? defaults.graceMs,
    maxOutputBytes: Math.min(limits.maxOutputBytes ?? defaults.maxOutputBytes, defaults.maxOutputBytes),
  };
}

/** Undefined counts as no limit. */
function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** What decides about an execution's turn. */
export function slotRequestOf({ executor, jobName, queueing }: ExecutionSpec): SlotRequest {
  const { priority, fairnessKey, concurrencyKey, maxConcurrent } = queueing;
  return { executor, priority, fairnessKey: fairnessKey || jobName, concurrencyKey, maxConcurrent };
}

/**
 * Digest of what was asked for: the same for the same request, whatever the order of the keys in its maps. Trace context does not count.
 *
 * Keyed by the journal it is kept in, so that digests of different hosts do not compare. That keeps no secret from whoever has the journal, as the
 * key is in there.
 */
export function digestOf(spec: ExecutionSpec, key: string): string {
  const { executor, config, jobName, limits, retry, labels, queueing } = spec;
  const text = JSON.stringify([executor, jobName, sorted(config), limits, retry, sorted(labels), queueing]);
  return hash("sha512-256", key + text, "base64url");
}

function sorted(map: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function sizeOf(config: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(config)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  return bytes;
}

function snake(key: string): string {
  return key.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A piece of input, short and without control characters. */
function shown(text: string): string {
  return text.slice(0, 100).replace(/\p{Cc}/gu, "?");
}
