import type { Report } from "@executor-host/sdk";

/** Every reason for which a job is not started: codes of this executor's results, with the answer to "would trying again help?". */
export const startFailureCodes = {
  COMMAND_NOT_FOUND: "PERMANENT",
  NOT_EXECUTABLE: "PERMANENT",
  ARGUMENTS_TOO_LONG: "PERMANENT",
  CWD_UNUSABLE: "PERMANENT",
  USER_UNKNOWN: "PERMANENT",
  GROUP_UNKNOWN: "PERMANENT",
  USER_CHANGE_REFUSED: "PERMANENT",
  STDIN_FILE_UNREADABLE: "PERMANENT",
  ENV_FILE_UNREADABLE: "PERMANENT",
  ISOLATION_UNAVAILABLE: "PERMANENT",
  SETUP_FAILED: "PERMANENT",
  PLATFORM_UNSUPPORTED: "PERMANENT",
  TEMPORARY_FILE_FAILED: "RETRYABLE",
  NO_FIFO: "RETRYABLE",
  NO_RESOURCES: "RETRYABLE",
} as const satisfies Record<string, NonNullable<Report["retryability"]>>;

export type StartFailureCode = keyof typeof startFailureCodes;

/** Why a job was not started. Nothing has happened then. Never leaves this executor: it becomes a report. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
  readonly code: StartFailureCode;
  readonly hint: string | undefined;

  /** @param message what is wrong, without a final full stop */
  constructor(code: StartFailureCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  report(): Report {
    return {
      outcome: "FAILED",
      message: this.message,
      hint: this.hint,
      code: this.code,
      retryability: startFailureCodes[this.code],
      effect: "NONE",
    };
  }
}
