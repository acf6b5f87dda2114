import type { Violation } from "@executor-host/proto/shared/error";
import { nearest } from "@executor-host/proto/shared/nearest";
import type { Limits } from "../model/model.ts";
import { checkMaxima, checkWait, type LimitMaxima } from "./admission.ts";
import type { FullLimits } from "./limits-in-force.ts";

/** What shall be different about the limits of an execution. */
export interface LimitsChange {
  /** New values; what is undefined stays. */
  readonly limits: Limits;
  /** Names of limits to take away, as `host.v1` writes them. */
  readonly lift: readonly string[];
}

/** Limits that can be changed while an execution runs, by their names. */
const changeable = {
  attemptTimeoutMs: "attempt_timeout",
  totalTimeoutMs: "total_timeout",
  noOutputTimeoutMs: "no_output_timeout",
  heartbeatTimeoutMs: "heartbeat_timeout",
  graceMs: "grace",
} as const satisfies Partial<Record<keyof Limits, string>>;

/** The others. */
const fixed = {
  queueTimeoutMs: "queue_timeout",
  startTimeoutMs: "start_timeout",
  maxOutputBytes: "max_output_bytes",
} as const satisfies Partial<Record<keyof Limits, string>>;

type Changeable = keyof typeof changeable;

const keys = Object.keys(changeable) as Changeable[];
const liftable: readonly string[] = keys.filter((key) => key !== "graceMs").map((key) => changeable[key]);

/**
 * Everything that is wrong with a change.
 *
 * @param initial the limits that the execution was accepted with
 */
export function checkChange(
  { limits, lift }: LimitsChange,
  initial: FullLimits,
  maxima: LimitMaxima,
): readonly Violation[] {
  const violations = checkMaxima(limits, maxima);
  const refuse = (field: string, message: string, hint: string) => violations.push({ field, message, hint });
  const known = liftable.join(", ");
  for (const [key, name] of Object.entries(fixed)) {
    if (limits[key as keyof typeof fixed] !== undefined)
      refuse(`limits.${name}`, "cannot be changed", `change ${known}`);
  }
  for (const key of keys)
    violations.push(...checkWait(`limits.${changeable[key]}`, limits[key], key === "graceMs" ? 0 : 1));
  if (limits.heartbeatTimeoutMs !== undefined && initial.heartbeatTimeoutMs === undefined) {
    refuse(
      "limits.heartbeat_timeout",
      "there was none from the start, so that the work does not know that it has to give signs of life",
      "set no_output_timeout, which goes by output and progress",
    );
  }
  for (const [index, name] of lift.entries()) {
    const field = `lift[${index}]`;
    const suggestion = nearest(name, liftable);
    if (!liftable.includes(name)) {
      const hint = suggestion === undefined ? `one of ${known}` : `did you mean "${suggestion}"?`;
      refuse(field, `not a limit that can be lifted: "${name.slice(0, 100)}"`, hint);
    } else if (mostOf(name, maxima) !== undefined) {
      refuse(field, `this host has a maximum of the limit "${name}"`, "set it to a value within that");
    } else if (keys.some((key) => changeable[key] === name && limits[key] !== undefined)) {
      refuse(field, `"${name}" is set and lifted at once`, "do one of both");
    }
  }
  if (lift.length === 0 && keys.every((key) => limits[key] === undefined) && violations.length === 0) {
    refuse("limits", "no change is named", `set or lift one of ${known}`);
  }
  return violations;
}

function mostOf(name: string, { maxAttemptTimeoutMs, maxTotalTimeoutMs }: LimitMaxima): number | undefined {
  if (name === changeable.attemptTimeoutMs) return maxAttemptTimeoutMs;
  return name === changeable.totalTimeoutMs ? maxTotalTimeoutMs : undefined;
}

/** @returns undefined when that changes nothing */
export function changedLimits(current: FullLimits, { limits, lift }: LimitsChange): FullLimits | undefined {
  const newValue = (key: Changeable) => (lift.includes(changeable[key]) ? undefined : (limits[key] ?? current[key]));
  const changed: FullLimits = { ...current, ...Object.fromEntries(keys.map((key) => [key, newValue(key)])) };
  return keys.some((key) => changed[key] !== current[key]) ? changed : undefined;
}
