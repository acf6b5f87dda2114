/** What a log entry carries besides its message. No secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes to the host's log, never to the output of an execution. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
