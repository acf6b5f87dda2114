import type { Report } from "@executor-host/sdk";

/** Every way in which an execution can fail: codes of this executor's results, with the answer to "would trying again help?". */
export const failureCodes = {
  // The service
  API_UNREACHABLE: "RETRYABLE",
  API_ERROR: "RETRYABLE",
  THROTTLED: "RETRYABLE",
  API_LOST: undefined,
  CREDENTIALS_UNUSABLE: "PERMANENT",
  ACCESS_DENIED: "PERMANENT",
  REGION_MISSING: "PERMANENT",
  // What was asked for
  CLUSTER_NOT_FOUND: "PERMANENT",
  TASK_DEFINITION_NOT_FOUND: "PERMANENT",
  REQUEST_REFUSED: "PERMANENT",
  EXECUTION_ID_CONFLICT: "PERMANENT",
  // The task
  NO_CAPACITY: "RETRYABLE",
  IMAGE_UNAVAILABLE: undefined,
  TASK_FAILED_TO_START: undefined,
  SPOT_INTERRUPTION: "RETRYABLE",
  HOST_TERMINATED: "RETRYABLE",
  TASK_STOPPED: undefined,
  TASK_GONE: undefined,
  EXIT_STATUS: undefined,
  KILLED_BY_SIGNAL: undefined,
  NO_EXIT_CODE: undefined,
  MEMORY_LIMIT: undefined,
  TIMEOUT: undefined,
  CANCELLED: undefined,
} as const satisfies Record<string, Report["retryability"]>;

export type FailureCode = keyof typeof failureCodes;

/** Why an execution failed. Never leaves this executor: it becomes the fields of a report. The message holds no secret. */
export class EcsFailure extends Error {
  override readonly name = "EcsFailure";
  readonly code: FailureCode;
  readonly hint: string | undefined;
  readonly retryability: Report["retryability"];

  /** @param message what is wrong, without a final full stop */
  constructor(code: FailureCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryability = failureCodes[code];
  }
}

/** Whether the service may be well again soon. */
export function isPassing(error: unknown): boolean {
  return error instanceof EcsFailure && ["API_UNREACHABLE", "API_ERROR", "THROTTLED"].includes(error.code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
