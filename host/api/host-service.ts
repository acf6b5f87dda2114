import type { sendUnaryData, ServerUnaryCall, ServerWritableStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import {
  HostServiceService,
  type CancelRequest,
  type ChangeLimitsRequest,
  type ExecuteRequest,
  type HostServiceServer,
  type ListRequest,
  type WatchRequest,
} from "@executor-host/proto/host";
import { isHostError, messageOf } from "@executor-host/proto/shared/error";
import { toStatus } from "@executor-host/proto/shared/status";
import { fromDuration } from "@executor-host/proto/shared/time";
import { refuseViolations } from "../execution/admission.ts";
import type { Executions } from "../execution/executions.ts";
import type { Logger } from "../log/logger.ts";
import { executionToProto, executorToProto, limitsFromProto, findOutcome, findState } from "../model/convert.ts";
import type { Execution, Result } from "../model/model.ts";
import type { Supervisor } from "../supervision/supervisor.ts";
import { parsePageToken, pageToken } from "./page-token.ts";
import { specFromProto } from "./spec-from-proto.ts";
import { sendBatches } from "./send-batches.ts";

export interface HostServiceOptions {
  readonly executions: Executions;
  readonly supervisor: Supervisor;
  readonly logger: Logger;
}

/** Longest wait of the first events for company. Most executions are over by then, and one message costs less than two, on both sides. */
const firstBatchMs = 20;

const defaultPageSize = 100;
const maxPageSize = 1_000;

/** The journal's batches are encoded already, and have of a buffer all that gRPC needs of one. */
const asEncoded = (batch: unknown): Buffer => batch as Buffer;

/** The streams carry batches: the journal's bytes go out as they are. */
export const hostServiceDefinition = {
  ...HostServiceService,
  execute: { ...HostServiceService.execute, responseSerialize: asEncoded },
  watch: { ...HostServiceService.watch, responseSerialize: asEncoded },
};

/** `host.v1.HostService`: translation between the wire and the host's own words, nothing else. */
export function createHostService(options: HostServiceOptions): UntypedServiceImplementation {
  const { executions, supervisor, logger } = options;

  /** Run a unary handler; whatever it throws becomes a status. */
  function unary<Request, Response>(handler: (request: Request, signal: AbortSignal) => Promise<Response> | Response) {
    return (call: ServerUnaryCall<Request, Response>, done: sendUnaryData<Response>): void => {
      const gone = new AbortController();
      call.on("cancelled", () => gone.abort(new Error("the caller is gone")));
      Promise.resolve()
        .then(() => handler(call.request, gone.signal))
        .then(
          (response) => done(null, response),
          (error: unknown) => {
            logUnexpected(logger, error);
            done(toStatus(error));
          },
        );
    };
  }

  const service: HostServiceServer = {
    execute: (call) => void streamExecution(call),
    watch: (call) => void streamWatch(call),
    submit: unary(async ({ spec }) => {
      const { execution, alreadyKnown } = await executions.submit(specFromProto(spec));
      return { execution: executionToProto(execution), alreadyKnown };
    }),
    get: unary(({ executionId }) => ({ execution: executionToProto(executions.get(executionId)) })),
    list: unary((request) => list(request)),
    cancel: unary(({ executionId, reason, grace }: CancelRequest) => ({
      execution: executionToProto(executions.cancel(executionId, { reason, graceMs: fromDuration(grace) })),
    })),
    changeLimits: unary(async ({ executionId, limits, lift, reason }: ChangeLimitsRequest) => {
      const change = { limits: limitsFromProto(limits), lift };
      const { execution, warnings } = await executions.changeLimits(executionId, change, reason);
      return { execution: executionToProto(execution), warnings: [...warnings] };
    }),
    listExecutors: unary(async () => {
      await supervisor.refresh();
      const { executors, skipped } = supervisor.list();
      return { executors: executors.map(executorToProto), skippedFiles: [...skipped] };
    }),
    describeExecutor: unary(async ({ executor }, signal) => {
      const { info, description } = await supervisor.describe(executor, signal);
      return { executor: executorToProto(info), configSchema: description.configSchema };
    }),
    validate: unary(async ({ spec }, signal) => ({
      violations: [...(await executions.validate(specFromProto(spec), signal))],
    })),
    probe: unary(async ({ executor, config, timeout }, signal) => {
      const report = await executions.probe(executor, config, { timeoutMs: fromDuration(timeout), signal });
      return { ok: report.ok, message: report.message, code: report.code, details: report.details };
    }),
  };
  return service;

  function list(request: ListRequest) {
    const limit = Math.min(request.pageSize === 0 ? defaultPageSize : request.pageSize, maxPageSize);
    const { executions: found, last } = executions.list({
      limit,
      before: parsePageToken(request.pageToken),
      states: knownOf(request.states, findState, "states"),
      outcomes: knownOf(request.outcomes, findOutcome, "outcomes"),
      executor: request.executor,
      jobName: request.jobName,
      labels: request.labels,
    });
    return { executions: found.map(withoutEvidence).map(executionToProto), nextPageToken: pageToken(last) };
  }

  async function streamExecution(call: ServerWritableStream<ExecuteRequest, unknown>): Promise<void> {
    const gone = goneSignal(call);
    let id: string | undefined;
    try {
      const { execution } = await executions.submit(specFromProto(call.request.spec));
      id = execution.spec.id;
      const reading = { fromSequence: 0, follow: true, patienceMs: firstBatchMs, signal: gone };
      await sendBatches(call, await executions.watch(id, reading));
    } catch (error) {
      fail(call, gone, error);
    }
    if (gone.aborted && id !== undefined && call.request.cancelOnDisconnect) {
      executions.cancel(id, { reason: "the caller is gone", graceMs: undefined });
    }
  }

  async function streamWatch(call: ServerWritableStream<WatchRequest, unknown>): Promise<void> {
    const gone = goneSignal(call);
    const { executionId, fromSequence, noFollow } = call.request;
    try {
      await sendBatches(call, await executions.watch(executionId, { fromSequence, follow: !noFollow, signal: gone }));
    } catch (error) {
      fail(call, gone, error);
    }
  }

  function fail<Request>(call: ServerWritableStream<Request, unknown>, gone: AbortSignal, error: unknown): void {
    if (gone.aborted) return; // nobody listens
    logUnexpected(logger, error);
    call.emit("error", toStatus(error));
  }
}

/** @throws {HostError} `SPEC_INVALID` for a value that is not known here, which would find something else than was meant */
function knownOf<Value extends number, Name>(
  values: readonly Value[],
  find: (value: Value) => Name | undefined,
  field: string,
): Name[] {
  const names = values.map(find);
  const unknown = values.flatMap((value, index) => {
    if (names[index] !== undefined) return [];
    return [{ field: `${field}[${index}]`, message: `not a known value: ${value}`, hint: "leave the unset one out" }];
  });
  refuseViolations("SPEC_INVALID", unknown);
  return names.filter((name) => name !== undefined);
}

function withoutEvidence(execution: Execution): Execution {
  const brief = <T extends { readonly result?: Result | undefined }>(of: T): T =>
    of.result === undefined ? of : { ...of, result: { ...of.result, evidence: undefined } };
  return brief({ ...execution, attempts: execution.attempts.map(brief) });
}

/** Aborts when the caller leaves before the end. */
function goneSignal<Request>(call: ServerWritableStream<Request, unknown>): AbortSignal {
  const gone = new AbortController();
  // grpc-js also says so after a normal end, when it means nothing.
  call.on("cancelled", () => {
    if (!call.writableEnded) gone.abort(new Error("the caller is gone"));
  });
  return gone.signal;
}

function logUnexpected(logger: Logger, error: unknown): void {
  if (isHostError(error) && error.code !== "INTERNAL") return;
  logger.error("a call failed unexpectedly", {
    error: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
}
