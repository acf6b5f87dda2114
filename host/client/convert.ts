import * as executorV1 from "@executor-host/proto/executor";
import * as hostV1 from "@executor-host/proto/host";
import { fromDuration, fromTimestamp, toDuration } from "@executor-host/proto/shared/time";
import {
  limitsFromProto,
  limitsToProto,
  queueingFromProto,
  queueingToProto,
  resultFromProto,
  stateFromProto,
  usageFromProto,
} from "../model/convert.ts";
import type { Execution, ExecutionSpec, ExecutorState, Outcome, Queueing, RetryPolicy } from "../model/model.ts";
import type { Event, EventBody, ExecutionRequest, Executor } from "./types.ts";

export function requestToProto(request: ExecutionRequest): hostV1.ExecutionSpec {
  return {
    executionId: request.id ?? "",
    executor: request.executor,
    config: { ...request.config },
    jobName: request.jobName ?? "",
    limits: request.limits && limitsToProto(request.limits),
    retry: request.retry && retryToProto(request.retry),
    labels: { ...request.labels },
    traceContext: { ...request.traceContext },
    queueing: request.queueing && queueingToProto({ ...anyTurn, ...request.queueing }),
  };
}

const anyTurn: Queueing = { priority: 0, fairnessKey: "", concurrencyKey: "", maxConcurrent: 1, whenBusy: "QUEUE" };

/** What is left out stays unset, for the host to fill in. */
function retryToProto(retry: Partial<RetryPolicy>): hostV1.RetryPolicy {
  return {
    maxAttempts: retry.maxAttempts ?? 0,
    initialBackoff: durationToProto(retry.initialBackoffMs),
    maxBackoff: durationToProto(retry.maxBackoffMs),
    multiplier: retry.multiplier ?? 0,
    idempotent: retry.idempotent ?? false,
  };
}

export function outcomeToProto(outcome: Outcome): executorV1.Outcome {
  return executorV1.Outcome[outcome];
}

export function eventFromProto(event: hostV1.Event): Event {
  const { sequence, attempt } = event;
  return { sequence, timeMs: fromTimestamp(event.time) ?? 0, attempt, ...bodyFromProto(event.kind) };
}

function bodyFromProto(kind: hostV1.Event["kind"]): EventBody {
  switch (kind?.$case) {
    case "started":
      return { type: "started", target: kind.value.target };
    case "output": {
      const { channel, offset, data } = kind.value;
      return { type: "output", channel: channel === executorV1.Channel.STDERR ? "stderr" : "stdout", offset, data };
    }
    case "progress": {
      const { fraction, message, details } = kind.value;
      return { type: "progress", fraction, message, details };
    }
    case "usage":
      return { type: "usage", usage: usageFromProto(kind.value) };
    case "state":
      return { type: "state", state: stateFromProto(kind.value.state), reason: kind.value.reason };
    case "attemptFinished": {
      const { result, nextAttemptIn } = kind.value;
      return {
        type: "attemptFinished",
        result: result && resultFromProto(result),
        nextAttemptInMs: fromDuration(nextAttemptIn),
      };
    }
    case "outputDropped":
      return { type: "outputDropped", ...kind.value };
    case "limitsChanged":
      return { type: "limitsChanged", limits: limitsFromProto(kind.value.limits), reason: kind.value.reason };
    case "result":
      return { type: "result", result: resultFromProto(kind.value) };
    case undefined:
      return { type: "unknown" };
  }
}

export function executionFromProto(execution: hostV1.Execution): Execution {
  return {
    spec: specFromProto(execution.spec ?? hostV1.ExecutionSpec.create()),
    state: stateFromProto(execution.state),
    stateReason: execution.stateReason,
    acceptedMs: fromTimestamp(execution.acceptedTime) ?? 0,
    finishedMs: fromTimestamp(execution.finishedTime),
    attempts: execution.attempts.map((attempt) => ({
      number: attempt.number,
      startingMs: fromTimestamp(attempt.startingTime) ?? 0,
      runningMs: fromTimestamp(attempt.runningTime),
      finishedMs: fromTimestamp(attempt.finishedTime),
      result: attempt.result && resultFromProto(attempt.result),
      executorPid: attempt.executorPid,
      executorVersion: attempt.executorVersion,
      resumes: attempt.resumes,
      usage: attempt.usage && usageFromProto(attempt.usage),
      heartbeatMs: fromTimestamp(attempt.heartbeatTime),
      heartbeatDetails: attempt.heartbeatDetails,
    })),
    result: execution.result && resultFromProto(execution.result),
    lastSequence: execution.lastSequence,
    output: execution.output ?? { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 },
    limits: limitsFromProto(execution.limits),
  };
}

function specFromProto(spec: hostV1.ExecutionSpec): ExecutionSpec {
  const { executionId: id, executor, config, jobName, limits, retry, labels, traceContext, queueing } = spec;
  return {
    id,
    executor,
    config,
    jobName,
    limits: limitsFromProto(limits),
    retry: {
      maxAttempts: retry?.maxAttempts ?? 1,
      initialBackoffMs: fromDuration(retry?.initialBackoff) ?? 0,
      maxBackoffMs: fromDuration(retry?.maxBackoff) ?? 0,
      multiplier: retry?.multiplier ?? 1,
      idempotent: retry?.idempotent ?? false,
    },
    labels,
    traceContext,
    queueing: queueingFromProto(queueing),
  };
}

const executorStates = new Map(
  Object.entries(hostV1.ExecutorState).map(([name, number]) => [number, name as ExecutorState | "UNSPECIFIED"]),
);

export function executorFromProto(executor: hostV1.Executor): Executor {
  const state = executorStates.get(executor.state) ?? "UNSPECIFIED";
  return {
    ...executor,
    state: state === "UNSPECIFIED" ? "IDLE" : state,
    processes: executor.processes.map(({ startedTime, lag, ...process }) => ({
      ...process,
      startedMs: fromTimestamp(startedTime) ?? 0,
      lagMs: fromDuration(lag),
    })),
  };
}

function durationToProto(durationMs: number | undefined) {
  return durationMs === undefined ? undefined : toDuration(durationMs);
}
