import type * as hostV1 from "@executor-host/proto/host";
import { fromDuration } from "@executor-host/proto/shared/time";
import { refuseViolations } from "../execution/admission.ts";
import { noRetry } from "../execution/retry.ts";
import { findWhenBusy, limitsFromProto, queueingFromProto } from "../model/convert.ts";
import type { ExecutionSpec } from "../model/model.ts";

/**
 * What a scheduler sent, with unset fields at their documented defaults. Judged later, by `checkSpec`.
 *
 * @throws {HostError} `SPEC_INVALID` for a value that cannot be told to it, as it is not known here
 */
export function specFromProto(spec: hostV1.ExecutionSpec | undefined): ExecutionSpec {
  const whenBusy = spec?.queueing?.whenBusy ?? 0;
  if (findWhenBusy(whenBusy) === undefined) {
    const hint = "QUEUE, SKIP or REPLACE; a newer host may know more";
    refuseViolations("SPEC_INVALID", [
      { field: "queueing.when_busy", message: `not a known value: ${whenBusy}`, hint },
    ]);
  }
  const retry = spec?.retry;
  return {
    id: spec?.executionId ?? "",
    executor: spec?.executor ?? "",
    config: spec?.config ?? {},
    jobName: spec?.jobName ?? "",
    limits: limitsFromProto(spec?.limits),
    retry: {
      maxAttempts: retry?.maxAttempts || noRetry.maxAttempts,
      initialBackoffMs: fromDuration(retry?.initialBackoff) ?? noRetry.initialBackoffMs,
      maxBackoffMs: fromDuration(retry?.maxBackoff) ?? noRetry.maxBackoffMs,
      multiplier: retry?.multiplier || noRetry.multiplier,
      idempotent: retry?.idempotent ?? noRetry.idempotent,
    },
    labels: spec?.labels ?? {},
    traceContext: spec?.traceContext ?? {},
    queueing: queueingFromProto(spec?.queueing),
  };
}
