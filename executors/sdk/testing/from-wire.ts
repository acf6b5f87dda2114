import {
  CancelDisposition as WireDisposition,
  Channel as WireChannel,
  Effect,
  Outcome,
  Retryability,
  type DescribeResponse,
  type Event,
  type ProbeResponse,
  type Result,
  type Usage,
} from "@executor-host/proto/executor";
import { fromDuration, fromTimestamp } from "@executor-host/proto/shared/time";
import type { JsonSchema } from "../config/json.ts";
import type { ProbeReport } from "../definition/define-executor.ts";
import { reportOutcomes, type Report, type UsageNow } from "../definition/report.ts";
import type { ExecutionEvent } from "../runtime/event.ts";
import type { CancelDisposition } from "../runtime/executor-runtime.ts";

/** What an executor says about itself. */
export interface Description {
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  readonly configSchema: JsonSchema;
  readonly capabilities: {
    readonly cancel: boolean;
    readonly attach: boolean;
    readonly probe: boolean;
    readonly idempotent: boolean;
    readonly maxConcurrentExecutions: number;
    readonly heartbeat: boolean;
    readonly setDeadline: boolean;
  };
}

export function fromDescribeResponse(response: DescribeResponse): Description {
  const { name, version, summary, configSchema, capabilities } = response;
  if (capabilities === undefined) throw new TypeError("the description lacks capabilities");
  return { name, version, summary, configSchema: JSON.parse(configSchema) as JsonSchema, capabilities };
}

export function fromCancelDisposition(wire: WireDisposition): CancelDisposition {
  return nameIn(["STOPPING", "FINISHED", "UNKNOWN"] as const, WireDisposition, wire);
}

export function fromProbeResponse({ ok, message, code, details }: ProbeResponse): ProbeReport {
  return { ok, message, code, details };
}

/** @throws {TypeError} for an event the contract does not allow */
export function fromEvent(event: Event | undefined): ExecutionEvent {
  const timeMs = fromTimestamp(event?.time);
  if (event === undefined || timeMs === undefined) throw new TypeError("the event lacks its time");
  const head = { sequence: event.sequence, timeMs };
  const { kind } = event;
  switch (kind?.$case) {
    case "started":
      return { ...head, type: "started", target: kind.value.target };
    case "output": {
      const { channel, offset, data } = kind.value;
      return { ...head, type: "output", channel: channel === WireChannel.STDERR ? "stderr" : "stdout", offset, data };
    }
    case "progress":
      return { ...head, type: "progress", ...kind.value };
    case "heartbeat":
      return { ...head, type: "heartbeat", ...kind.value };
    case "usage":
      return { ...head, type: "usage", ...fromUsage(kind.value) };
    case "result":
      return { ...head, type: "result", report: fromResult(kind.value) };
    default:
      throw new TypeError("the event is of no known kind");
  }
}

/** Texts that are empty on the wire are absent from the report, as an author would have written it. */
function fromResult(result: Result): Report {
  const { usage, stop } = result;
  return dropUndefined({
    outcome: nameIn(reportOutcomes, Outcome, result.outcome),
    message: result.message || undefined,
    hint: result.hint || undefined,
    code: result.code || undefined,
    exitCode: result.exitCode,
    signal: result.signal || undefined,
    retryability:
      result.retryability === 0 ? undefined : nameIn(["RETRYABLE", "PERMANENT"], Retryability, result.retryability),
    retryAfterMs: fromDuration(result.retryAfter),
    effect: result.effect === 0 ? undefined : nameIn(["NONE", "HAPPENED"], Effect, result.effect),
    evidence: result.evidence,
    usage: usage && fromUsage(usage),
    violations: result.violations,
    stop: stop && {
      steps: stop.steps.map(({ action, time, detail }) => ({
        action,
        time: new Date(fromTimestamp(time) ?? 0),
        detail,
      })),
      survivors: stop.survivors,
    },
    warnings: result.warnings,
  });
}

/** As an author would have written it, without what is not known. */
function fromUsage({ cpuTime, source, ...counted }: Usage): UsageNow {
  return dropUndefined({
    cpuTimeMs: fromDuration(cpuTime),
    ...counted,
    source: source === "cgroup" ? ("cgroup" as const) : ("sampled" as const),
  });
}

/** The name of a generated constant, out of those that may come here. */
function nameIn<const N extends string>(names: readonly N[], constants: Readonly<Record<N, number>>, value: number): N {
  const name = names.find((candidate) => constants[candidate] === value);
  if (name === undefined) throw new TypeError(`not one of ${names.join(", ")}: ${value}`);
  return name;
}

function dropUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T;
}
