import {
  CancelDisposition as WireDisposition,
  Effect,
  Outcome,
  Retryability,
  type CancelResponse,
  type DescribeResponse,
  type ExecuteRequest,
  type ProbeResponse,
  type Result,
} from "@executor-host/proto/executor";
import { fromTimestamp, toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import type { JsonObject } from "../config/json.ts";
import type { ExecutorDefinition, ProbeReport } from "../definition/define-executor.ts";
import type { Report } from "../definition/report.ts";
import type { ExecutionRequest } from "../runtime/execution-run.ts";
import type { CancelDisposition } from "../runtime/executor-runtime.ts";

export function toDescribeResponse(definition: ExecutorDefinition<unknown>): DescribeResponse {
  const { name, version, summary, config, capabilities } = definition;
  return {
    name,
    version,
    summary,
    configSchema: JSON.stringify(config.jsonSchema()),
    capabilities: {
      cancel: capabilities.cancel,
      attach: false,
      probe: definition.probe !== undefined,
      idempotent: capabilities.idempotent ?? false,
      maxConcurrentExecutions: capabilities.maxConcurrentExecutions ?? 0,
    },
  };
}

export function fromExecuteRequest(request: ExecuteRequest): ExecutionRequest {
  const deadlineMs = fromTimestamp(request.deadline);
  return {
    id: request.executionId,
    attempt: request.attempt,
    jobName: request.jobName,
    config: request.config,
    deadline: deadlineMs === undefined ? undefined : new Date(deadlineMs),
    labels: request.labels,
    traceContext: request.traceContext,
    protocol: "native",
  };
}

export function toCancelResponse(disposition: CancelDisposition): CancelResponse {
  return { disposition: WireDisposition[disposition] };
}

export function toProbeResponse(report: ProbeReport): ProbeResponse {
  return { ok: report.ok, message: report.message, code: report.code ?? "", details: toStruct(report.details) };
}

export function toResult(report: Report): Result {
  const { usage, stop } = report;
  return {
    outcome: Outcome[report.outcome],
    message: report.message ?? "",
    hint: report.hint ?? "",
    code: report.code ?? "",
    exitCode: report.exitCode,
    signal: report.signal ?? "",
    retryability: report.retryability === undefined ? Retryability.UNSPECIFIED : Retryability[report.retryability],
    retryAfter: report.retryAfterMs === undefined ? undefined : toDuration(report.retryAfterMs),
    effect: report.effect === undefined ? Effect.UNSPECIFIED : Effect[report.effect],
    evidence: toStruct(report.evidence),
    usage: usage && {
      cpuTime: usage.cpuTimeMs === undefined ? undefined : toDuration(usage.cpuTimeMs),
      peakMemoryBytes: usage.peakMemoryBytes,
      source: usage.source,
    },
    violations: [...(report.violations ?? [])],
    stop: stop && {
      steps: stop.steps.map(({ action, time, detail = "" }) => ({ action, time: toTimestamp(time.getTime()), detail })),
      survivors: [...stop.survivors],
    },
    warnings: [...(report.warnings ?? [])],
  };
}

/** A google.protobuf.Struct knows neither undefined nor dates; JSON leaves out the one and writes the other. */
export function toStruct(value: JsonObject | undefined): Record<string, unknown> | undefined {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
}
