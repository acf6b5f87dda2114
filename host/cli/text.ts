import type { Capabilities, IsolationLevel } from "../model/model.ts";

/** `SUCCEEDED` as `succeeded`, `TIMED_OUT` as `timed out`. */
export function words(constant: string): string {
  return constant.toLowerCase().replaceAll("_", " ");
}

/** `1 attempt`, `2 attempts`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The last moment in words: `12s ago`, `3h ago`, `2d ago`. */
export function ago(thenMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - thenMs) / 1000));
  const scales = [
    [86_400, "d"],
    [3600, "h"],
    [60, "m"],
  ] as const;
  for (const [size, unit] of scales) if (seconds >= size) return `${Math.floor(seconds / size)}${unit} ago`;
  return `${seconds}s ago`;
}

/** `key=value key=value`, for evidence and labels. */
export function pairs(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`)
    .join(" ");
}

/** Text as one would write it in a shell; in bash, zsh and others with `$'...'` when it is of several lines. */
export function quoted(text: string): string {
  if (text.includes("\n")) return `$'${text.replaceAll(/[\\']/g, "\\$&").replaceAll("\n", "\\n")}'`;
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** What an executor's processes are held by; empty when nothing is asked for. */
export function isolationText(levels: readonly IsolationLevel[]): string {
  return levels
    .map(({ name, value, means, problem }) => {
      const level = value === "true" ? name : `${name}=${value}`;
      return problem === "" ? `${level} (${means})` : `${level} (NOT REACHED: ${problem})`;
    })
    .join(", ");
}

/** What an executor can do beside running jobs. */
export function capabilitiesText(capabilities: Capabilities | undefined, protocolVersion: number): string {
  if (capabilities === undefined) return "-";
  const { cancel, attach, probe, idempotent, heartbeat, setDeadline } = capabilities;
  const all = { cancel, attach, probe, idempotent, heartbeat, "set-deadline": setDeadline && protocolVersion > 1 };
  const names = Object.entries(all).flatMap(([name, has]) => (has ? [name] : []));
  return [...names, ...(protocolVersion === 1 ? ["Dkron's contract"] : [])].join(", ") || "-";
}
