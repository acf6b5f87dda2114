import type { sendUnaryData, Server, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import {
  ExecutorServiceService,
  type CancelRequest,
  type CancelResponse,
  type DescribeRequest,
  type DescribeResponse,
  type ExecuteRequest,
  type ProbeRequest,
  type ProbeResponse,
  type SetDeadlineRequest,
  type SetDeadlineResponse,
  type ValidateRequest,
  type ValidateResponse,
} from "@executor-host/proto/executor";
import { answer } from "../grpc/answer.ts";
import { toStatus } from "@executor-host/proto/shared/status";
import { fromDuration } from "@executor-host/proto/shared/time";
import { notSupported, type ExecutorRuntime } from "../runtime/executor-runtime.ts";
import { fromExecuteRequest, toCancelResponse, toDate, toDescribeResponse, toProbeResponse } from "./convert.ts";
import { StreamSink } from "./stream-sink.ts";

/** The contract, with `Execute` answering in encoded messages. */
const service = {
  ...ExecutorServiceService,
  execute: { ...ExecutorServiceService.execute, responseSerialize: (message: Buffer): Buffer => message },
};

/** Serve an executor by the native contract, `executor.v1`. */
export function addNativeService<C>(server: Server, runtime: ExecutorRuntime<C>): void {
  const { definition } = runtime;
  const description = toDescribeResponse(definition);
  server.addService(service, {
    describe(_call: ServerUnaryCall<DescribeRequest, DescribeResponse>, done: sendUnaryData<DescribeResponse>) {
      done(null, description);
    },
    validate(call: ServerUnaryCall<ValidateRequest, ValidateResponse>, done: sendUnaryData<ValidateResponse>) {
      void answer(done, () => ({ violations: [...runtime.validate(call.request.config)] }));
    },
    execute(call: ServerWritableStream<ExecuteRequest, Buffer>) {
      try {
        const run = runtime.start(fromExecuteRequest(call.request), new StreamSink(call));
        call.on("cancelled", () => run.force("the host dropped the call"));
      } catch (error) {
        call.emit("error", toStatus(error));
      }
    },
    cancel(call: ServerUnaryCall<CancelRequest, CancelResponse>, done: sendUnaryData<CancelResponse>) {
      const { executionId, reason, grace } = call.request;
      void answer(done, () => {
        if (!definition.capabilities.cancel) throw notSupported(definition.name, "cancel");
        return toCancelResponse(runtime.cancel(executionId, reason || "cancelled", fromDuration(grace)));
      });
    },
    setDeadline(
      call: ServerUnaryCall<SetDeadlineRequest, SetDeadlineResponse>,
      done: sendUnaryData<SetDeadlineResponse>,
    ) {
      const { executionId, attempt, deadline } = call.request;
      void answer(done, () => {
        if (definition.capabilities.setDeadline !== true) throw notSupported(definition.name, "SetDeadline");
        return { known: runtime.setDeadline(executionId, attempt, toDate(deadline)) };
      });
    },
    attach(call: ServerWritableStream<unknown, unknown>) {
      call.emit("error", toStatus(notSupported(definition.name, "attach")));
    },
    probe(call: ServerUnaryCall<ProbeRequest, ProbeResponse>, done: sendUnaryData<ProbeResponse>) {
      const caller = new AbortController();
      call.on("cancelled", () => caller.abort());
      void answer(done, async () => toProbeResponse(await runtime.probe(call.request.config, caller.signal)));
    },
  });
}
