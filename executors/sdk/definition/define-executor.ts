import type { Violation } from "@executor-host/proto/shared/error";
import type { ConfigDefinition } from "../config/define-config.ts";
import type { JsonObject } from "../config/json.ts";
import type { Execution } from "./execution.ts";
import type { Report } from "./report.ts";

/** An executor: who it is, which config it takes, and what it does. */
export interface ExecutorDefinition<C> {
  /** As jobs write it: lower-case letters, digits, `_` and `-`. */
  readonly name: string;
  /** Semver. */
  readonly version: string;
  /** One sentence for people. */
  readonly summary: string;
  readonly config: ConfigDefinition<C>;
  readonly capabilities: ExecutorCapabilities;
  /** Contradictions between keys. Touches nothing outside; only called when every key by itself is right. */
  check?(config: C): readonly Violation[];
  /**
   * Do the work of one execution; called many times, also at the same time.
   *
   * What it throws fails this execution and no other: a HostError with its code and hint, a ConfigError as REJECTED, anything else as
   * FAILED with code INTERNAL. Once `execution.signal` has aborted, throwing means CANCELLED.
   */
  execute(execution: Execution<C>): Promise<Report>;
  /** Can the target be reached, and are we let in? Must have no side effect on the target. */
  probe?(context: ProbeContext<C>): Promise<ProbeReport>;
  /** Release what is pooled. Called once, when the process ends and no execution is left. */
  close?(): Promise<void>;
}

export interface ExecutorCapabilities {
  /** `execute` honours `execution.signal`, so that one execution can be stopped without harming its neighbours. */
  readonly cancel: boolean;
  /**
   * Executing the same id and attempt again, in another process too, has the effect of doing it once: `execute` finds the work there is, running
   * or ended, and shows its output from the first byte. The host does so after this process, or the host itself, was lost. When `signal` has
   * aborted before `execute` is called, it finds the work, stops it, and begins none. Default false.
   */
  readonly idempotent?: boolean;
  /** How many executions one process takes at the same time; default 0, which means no limit. */
  readonly maxConcurrentExecutions?: number;
  /** `execute` calls `execution.heartbeat` when its work gives a sign of life, so that jobs may have a heartbeat limit; default false. */
  readonly heartbeat?: boolean;
  /**
   * Nothing ends the work at the deadline it had when it began, or `execute` says so with `deadlineTold`: the host can give it more time;
   * default false.
   */
  readonly setDeadline?: boolean;
}

export interface ProbeContext<C> {
  readonly config: C;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface ProbeReport {
  readonly ok: boolean;
  /** For people: what was reached, or why not. */
  readonly message: string;
  /** Stable cause when not ok, such as `CONNECTION_REFUSED`. */
  readonly code?: string | undefined;
  /** What was learned on the way: server version, latency ... */
  readonly details?: JsonObject | undefined;
}

/**
 * Define an executor. Give the result to `serve`, or to `runExecutor` in a test.
 *
 * @throws {TypeError} when name, version or limits are not well-formed
 */
export function defineExecutor<C>(definition: ExecutorDefinition<C>): ExecutorDefinition<C> {
  const { name, version, capabilities } = definition;
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(name)) {
    throw new TypeError(`executor name must be lower-case letters, digits, "_" and "-": ${JSON.stringify(name)}`);
  }
  if (!/^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/.test(version)) {
    throw new TypeError(`version of executor ${name} must be semver: ${JSON.stringify(version)}`);
  }
  const limit = capabilities.maxConcurrentExecutions ?? 0;
  if (!Number.isInteger(limit) || limit < 0) {
    throw new TypeError(`maxConcurrentExecutions of executor ${name} must be a whole number >= 0: ${limit}`);
  }
  return definition;
}
