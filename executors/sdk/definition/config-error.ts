import { HostError, type Violation } from "@executor-host/proto/shared/error";

/** Thrown by `execute` when the config turns out to be impossible: the execution ends REJECTED, with these violations. */
export class ConfigError extends HostError {
  constructor(violations: readonly Violation[]) {
    super("CONFIG_INVALID", violations.map(({ field, message }) => `${field} ${message}`).join("; "), { violations });
  }
}
