import type { Report } from "@executor-host/sdk";

type Kind = Pick<Report, "retryability"> & { readonly outcome?: "TIMED_OUT" };

const retryable: Kind = { retryability: "RETRYABLE" };
const permanent: Kind = { retryability: "PERMANENT" };
const unknown: Kind = {};

/** Every way in which an execution can fail other than by its container's own result: codes of this executor's results. */
export const failureCodes = {
  // The engine
  ENGINE_UNREACHABLE: retryable,
  ENGINE_DENIED: permanent,
  ENGINE_TLS_FAILED: permanent,
  ENGINE_ERROR: retryable,
  ENGINE_LOST: unknown,
  // The image
  IMAGE_NOT_FOUND: permanent,
  PULL_FAILED: retryable,
  PULL_TIMEOUT: { outcome: "TIMED_OUT", retryability: "RETRYABLE" },
  REGISTRY_DENIED: permanent,
  CREDENTIALS_UNUSABLE: permanent,
  // The container
  CONTAINER_REFUSED: permanent,
  COMMAND_NOT_FOUND: permanent,
  COMMAND_NOT_EXECUTABLE: permanent,
  EXECUTION_ID_CONFLICT: permanent,
  CONTAINER_GONE: unknown,
  UNHEALTHY: unknown,
} as const satisfies Record<string, Kind>;

export type FailureCode = keyof typeof failureCodes;

/** Why an execution failed. Never leaves this executor: it becomes the fields of a report. The message holds no secret. */
export class DockerFailure extends Error {
  override readonly name = "DockerFailure";
  readonly code: FailureCode;
  readonly hint: string | undefined;
  readonly outcome: "FAILED" | "TIMED_OUT";
  readonly retryability: Report["retryability"];

  /** @param message what is wrong, without a final full stop */
  constructor(code: FailureCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const kind: Kind = failureCodes[code];
    this.code = code;
    this.hint = options.hint;
    this.outcome = kind.outcome ?? "FAILED";
    this.retryability = kind.retryability;
  }
}

/** Whether an engine that cannot be reached was the reason: it may come back. */
export function isEngineGone(error: unknown): boolean {
  return error instanceof DockerFailure && error.code === "ENGINE_UNREACHABLE";
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
