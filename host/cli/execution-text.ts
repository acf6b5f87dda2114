import type { Execution, Limits, Usage } from "../model/model.ts";
import { formatBytes, formatExactBytes } from "../settings/bytes.ts";
import { formatDuration, formatElapsed } from "../settings/duration.ts";
import type { Styler } from "../log/style.ts";
import { words } from "./text.ts";

/** `running`, or how it ended: `timed out`. */
export function stateText({ state, result }: Pick<Execution, "state" | "result">): string {
  return words(result?.outcome ?? state);
}

/** The same in the colour of its meaning. */
export function styledState(execution: Pick<Execution, "state" | "result">, style: Styler): string {
  const text = stateText(execution);
  const { outcome } = execution.result ?? {};
  if (outcome === undefined) return style("cyan", text);
  if (outcome === "SUCCEEDED") return style("green", text);
  return style(outcome === "CANCELLED" ? "yellow" : "red", text);
}

/** From acceptance until the end, or until now. */
export function tookText({ acceptedMs, finishedMs }: Execution, nowMs: number): string {
  return formatElapsed(Math.max(0, (finishedMs ?? nowMs) - acceptedMs));
}

/** Limits as the options that set them: `timeout=1h attempt-timeout=10m`; empty when there are none. */
export function limitsText(limits: Limits): string {
  const parts: readonly (readonly [option: string, value: string | undefined])[] = [
    ["timeout", durationText(limits.totalTimeoutMs)],
    ["attempt-timeout", durationText(limits.attemptTimeoutMs)],
    ["queue-timeout", durationText(limits.queueTimeoutMs)],
    ["start-timeout", durationText(limits.startTimeoutMs)],
    ["no-output-timeout", durationText(limits.noOutputTimeoutMs)],
    ["heartbeat-timeout", durationText(limits.heartbeatTimeoutMs)],
    ["grace", durationText(limits.graceMs)],
    ["max-output", limits.maxOutputBytes === undefined ? undefined : formatExactBytes(limits.maxOutputBytes)],
  ];
  return parts.flatMap(([option, value]) => (value === undefined ? [] : [`${option}=${value}`])).join(" ");
}

/** What work consumes, or has consumed: `1.2s of CPU, 45MiB of memory (at most 60MiB), 3 processes, 4MiB read`. */
export function usageText({
  cpuTimeMs,
  memoryBytes,
  peakMemoryBytes,
  processes,
  readBytes,
  writtenBytes,
}: Usage): string {
  const peak = peakMemoryBytes === undefined ? undefined : `at most ${formatBytes(peakMemoryBytes)}`;
  const now = memoryBytes === undefined ? undefined : `${formatBytes(memoryBytes)} of memory`;
  const memory = now === undefined ? peak && `${peak} of memory` : `${now}${peak === undefined ? "" : ` (${peak})`}`;
  const parts = [
    cpuTimeMs === undefined ? undefined : `${formatElapsed(cpuTimeMs)} of CPU`,
    memory,
    processes === undefined ? undefined : processes === 1 ? "1 process" : `${processes} processes`,
    readBytes ? `${formatBytes(readBytes)} read` : undefined,
    writtenBytes ? `${formatBytes(writtenBytes)} written` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

function durationText(durationMs: number | undefined): string | undefined {
  return durationMs === undefined ? undefined : formatDuration(durationMs);
}
