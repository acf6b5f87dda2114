import type * as hostV1 from "@executor-host/proto/host";
import { fromDuration } from "@executor-host/proto/shared/time";
import { noRetry } from "../execution/retry.ts";
import { limitsFromProto, queueingFromProto } from "../model/convert.ts";
import type { ExecutionSpec } from "../model/model.ts";

/** What a scheduler sent, with unset fields at their documented defaults. Judged later, by `checkSpec`. */
export function specFromProto(spec: hostV1.ExecutionSpec | undefined): ExecutionSpec {
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
