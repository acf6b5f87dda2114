import * as executorV1 from "@executor-host/proto/executor";
import * as hostV1 from "@executor-host/proto/host";
import { fromDuration, fromTimestamp, toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import type * as model from "./model.ts";

/** String unions on our side, numbers on the wire: one lookup table each way, made from the generated constants. */
function enumCodec<Name extends string>(constants: Readonly<Record<string, number>>, unset: Name) {
  const names = new Map(Object.entries(constants).map(([name, number]) => [number, name as Name]));
  return {
    toProto: (name: Name): number => constants[name] ?? 0,
    fromProto: (number: number): Name => (number === 0 ? unset : (names.get(number) ?? unset)),
    /** Undefined for what is unset, or not known here. */
    find: (number: number): Name | undefined => (number === 0 ? undefined : names.get(number)),
  };
}

const outcomes = enumCodec<model.Outcome>(executorV1.Outcome, "FAILED");
const retryabilities = enumCodec<model.Retryability>(executorV1.Retryability, "UNKNOWN");
const effects = enumCodec<model.Effect>(executorV1.Effect, "UNKNOWN");
const states = enumCodec<model.State>(hostV1.State, "QUEUED");
const whenBusy = enumCodec<model.WhenBusy>(hostV1.WhenBusy, "QUEUE");
const executorStates = enumCodec<model.ExecutorState>(hostV1.ExecutorState, "IDLE");

/** Undefined for one that is not known here. */
export function findOutcome(outcome: executorV1.Outcome): model.Outcome | undefined {
  return outcomes.find(outcome);
}

/** Undefined for one that is not known here. */
export function findState(state: hostV1.State): model.State | undefined {
  return states.find(state);
}

/** Undefined for one that is not known here; unset is `QUEUE`. */
export function findWhenBusy(number: hostV1.WhenBusy): model.WhenBusy | undefined {
  return number === 0 ? "QUEUE" : whenBusy.find(number);
}

export function stateFromProto(state: hostV1.State): model.State {
  return states.fromProto(state);
}

export function stateToProto(state: model.State): hostV1.State {
  return states.toProto(state) as hostV1.State;
}

export function resultToProto(result: model.Result): executorV1.Result {
  return {
    outcome: outcomes.toProto(result.outcome) as executorV1.Outcome,
    message: result.message,
    hint: result.hint,
    code: result.code,
    exitCode: result.exitCode,
    signal: result.signal,
    retryability: retryabilities.toProto(result.retryability) as executorV1.Retryability,
    retryAfter: durationToProto(result.retryAfterMs),
    effect: effects.toProto(result.effect) as executorV1.Effect,
    evidence: result.evidence,
    usage: result.usage && usageToProto(result.usage),
    violations: [...result.violations],
    stop: result.stop && {
      steps: result.stop.steps.map((step) => ({
        action: step.action,
        time: toTimestamp(step.timeMs),
        detail: step.detail,
      })),
      survivors: [...result.stop.survivors],
    },
    warnings: [...result.warnings],
  };
}

export function resultFromProto(result: executorV1.Result): model.Result {
  return {
    outcome: outcomes.fromProto(result.outcome),
    message: result.message,
    hint: result.hint,
    code: result.code,
    exitCode: result.exitCode,
    signal: result.signal,
    retryability: retryabilities.fromProto(result.retryability),
    retryAfterMs: fromDuration(result.retryAfter),
    effect: effects.fromProto(result.effect),
    evidence: result.evidence,
    usage: result.usage && usageFromProto(result.usage),
    violations: result.violations,
    stop: result.stop && {
      steps: result.stop.steps.map((step) => ({
        action: step.action,
        timeMs: fromTimestamp(step.time) ?? 0,
        detail: step.detail,
      })),
      survivors: result.stop.survivors,
    },
    warnings: result.warnings,
  };
}

function usageToProto({ cpuTimeMs, ...counted }: model.Usage): executorV1.Usage {
  return executorV1.Usage.create({ cpuTime: durationToProto(cpuTimeMs), ...counted });
}

export function usageFromProto({ cpuTime, ...counted }: executorV1.Usage): model.Usage {
  return { cpuTimeMs: fromDuration(cpuTime), ...counted };
}

export function limitsFromProto(limits: hostV1.Limits | undefined): model.Limits {
  return {
    queueTimeoutMs: fromDuration(limits?.queueTimeout),
    startTimeoutMs: fromDuration(limits?.startTimeout),
    attemptTimeoutMs: fromDuration(limits?.attemptTimeout),
    totalTimeoutMs: fromDuration(limits?.totalTimeout),
    noOutputTimeoutMs: fromDuration(limits?.noOutputTimeout),
    heartbeatTimeoutMs: fromDuration(limits?.heartbeatTimeout),
    graceMs: fromDuration(limits?.grace),
    maxOutputBytes: limits?.maxOutputBytes,
  };
}

export function limitsToProto(limits: model.Limits): hostV1.Limits {
  return {
    queueTimeout: durationToProto(limits.queueTimeoutMs),
    startTimeout: durationToProto(limits.startTimeoutMs),
    attemptTimeout: durationToProto(limits.attemptTimeoutMs),
    totalTimeout: durationToProto(limits.totalTimeoutMs),
    noOutputTimeout: durationToProto(limits.noOutputTimeoutMs),
    heartbeatTimeout: durationToProto(limits.heartbeatTimeoutMs),
    grace: durationToProto(limits.graceMs),
    maxOutputBytes: limits.maxOutputBytes,
  };
}

function retryToProto(retry: model.RetryPolicy): hostV1.RetryPolicy {
  return {
    maxAttempts: retry.maxAttempts,
    initialBackoff: toDuration(retry.initialBackoffMs),
    maxBackoff: toDuration(retry.maxBackoffMs),
    multiplier: retry.multiplier,
    idempotent: retry.idempotent,
  };
}

/** With unset fields at their documented defaults. */
export function queueingFromProto(queueing: hostV1.Queueing | undefined): model.Queueing {
  return {
    priority: queueing?.priority ?? 0,
    fairnessKey: queueing?.fairnessKey ?? "",
    concurrencyKey: queueing?.concurrencyKey ?? "",
    maxConcurrent: queueing?.maxConcurrent || 1,
    whenBusy: whenBusy.fromProto(queueing?.whenBusy ?? 0),
  };
}

export function queueingToProto(queueing: model.Queueing): hostV1.Queueing {
  return { ...queueing, whenBusy: whenBusy.toProto(queueing.whenBusy) as hostV1.WhenBusy };
}

function specToProto(spec: model.ExecutionSpec): hostV1.ExecutionSpec {
  return {
    executionId: spec.id,
    executor: spec.executor,
    config: { ...spec.config },
    jobName: spec.jobName,
    limits: limitsToProto(spec.limits),
    retry: retryToProto(spec.retry),
    labels: { ...spec.labels },
    traceContext: { ...spec.traceContext },
    queueing: queueingToProto(spec.queueing),
  };
}

export function executionToProto(execution: model.Execution): hostV1.Execution {
  return {
    spec: specToProto(execution.spec),
    state: stateToProto(execution.state),
    stateReason: execution.stateReason,
    acceptedTime: toTimestamp(execution.acceptedMs),
    finishedTime: timestampToProto(execution.finishedMs),
    attempts: execution.attempts.map((attempt) => ({
      number: attempt.number,
      startingTime: toTimestamp(attempt.startingMs),
      runningTime: timestampToProto(attempt.runningMs),
      finishedTime: timestampToProto(attempt.finishedMs),
      result: attempt.result && resultToProto(attempt.result),
      executorPid: attempt.executorPid,
      executorVersion: attempt.executorVersion,
      resumes: attempt.resumes ?? false,
      usage: attempt.usage && usageToProto(attempt.usage),
      heartbeatTime: timestampToProto(attempt.heartbeatMs),
      heartbeatDetails: attempt.heartbeatDetails,
    })),
    result: execution.result && resultToProto(execution.result),
    lastSequence: execution.lastSequence,
    output: { ...execution.output },
    limits: limitsToProto(execution.limits),
  };
}

export function executorToProto(executor: model.ExecutorInfo): hostV1.Executor {
  return {
    name: executor.name,
    path: executor.path,
    state: executorStates.toProto(executor.state) as hostV1.ExecutorState,
    reason: executor.reason,
    version: executor.description?.version ?? "",
    summary: executor.description?.summary ?? "",
    capabilities: executor.description?.capabilities,
    protocolVersion: executor.protocolVersion,
    processes: executor.processes.map((process) => ({
      pid: process.pid,
      startedTime: toTimestamp(process.startedMs),
      activeExecutions: process.activeExecutions,
      finishedExecutions: process.finishedExecutions,
      lag: durationToProto(process.lagMs),
    })),
    crashes: executor.crashes,
    lastCrash: executor.lastCrash,
    pinnedSha256: executor.pinnedSha256,
    isolation: executor.isolation.map((level) => ({ ...level })),
  };
}

function durationToProto(durationMs: number | undefined) {
  return durationMs === undefined ? undefined : toDuration(durationMs);
}

function timestampToProto(epochMs: number | undefined) {
  return epochMs === undefined ? undefined : toTimestamp(epochMs);
}
