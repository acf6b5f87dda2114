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
  type Usage as WireUsage,
} from "@executor-host/proto/executor";
import { fromDuration, fromTimestamp, toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import type { JsonObject } from "../config/json.ts";
import type { ExecutorDefinition, ProbeReport } from "../definition/define-executor.ts";
import type { Report, UsageNow } from "../definition/report.ts";
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
      heartbeat: capabilities.heartbeat ?? false,
      setDeadline: capabilities.setDeadline ?? false,
    },
  };
}

export function fromExecuteRequest(request: ExecuteRequest): ExecutionRequest {
  return {
    id: request.executionId,
    attempt: request.attempt,
    jobName: request.jobName,
    config: request.config,
    deadline: toDate(request.deadline),
    heartbeatTimeoutMs: fromDuration(request.heartbeatTimeout),
    heartbeatDetails: request.heartbeatDetails,
    labels: request.labels,
    traceContext: request.traceContext,
    protocol: "native",
    recall: request.recall && { reason: request.recall.reason, graceMs: fromDuration(request.recall.grace) },
  };
}

export function toDate(timestamp: ExecuteRequest["deadline"]): Date | undefined {
  const epochMs = fromTimestamp(timestamp);
  return epochMs === undefined ? undefined : new Date(epochMs);
}

export function toCancelResponse(disposition: CancelDisposition): CancelResponse {
  return { disposition: WireDisposition[disposition] };
}

export function toProbeResponse(report: ProbeReport): ProbeResponse {
  return { ok: report.ok, message: report.message, code: report.code ?? "", details: toStruct(report.details) };
}

export function toResult(report: Report): Result {
  const { stop } = report;
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
    usage: report.usage && toUsage(report.usage),
    violations: [...(report.violations ?? [])],
    stop: stop && {
      steps: stop.steps.map(({ action, time, detail = "" }) => ({ action, time: toTimestamp(time.getTime()), detail })),
      survivors: [...stop.survivors],
    },
    warnings: [...(report.warnings ?? [])],
  };
}

export function toUsage(usage: UsageNow): WireUsage {
  const { cpuTimeMs, peakMemoryBytes, source, memoryBytes, processes, readBytes, writtenBytes } = usage;
  const cpuTime = cpuTimeMs === undefined ? undefined : toDuration(cpuTimeMs);
  return { cpuTime, peakMemoryBytes, source, memoryBytes, processes, readBytes, writtenBytes };
}

/** A google.protobuf.Struct knows neither undefined nor dates; JSON leaves out the one and writes the other. */
export function toStruct(value: JsonObject | undefined): Record<string, unknown> | undefined {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
}
