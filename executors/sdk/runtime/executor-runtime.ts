import { HostError, isHostError, messageOf, type Violation } from "@executor-host/proto/shared/error";
import type { ConfigText } from "../config/define-config.ts";
import type { ExecutorDefinition, ProbeReport } from "../definition/define-executor.ts";
import type { LogFields, Logger } from "../definition/logger.ts";
import { readConfig } from "../definition/read-config.ts";
import { rejection } from "../definition/report.ts";
import { limits, timeouts } from "../timeouts.ts";
import type { EventSink } from "./event.ts";
import { ExecutionRun, type ExecutionRequest } from "./execution-run.ts";
import { settledWithin } from "./wait.ts";

/** A logger that can name what its entries are about. */
export interface RuntimeLogger extends Logger {
  with(fields: LogFields): RuntimeLogger;
}

export type CancelDisposition = "STOPPING" | "FINISHED" | "UNKNOWN";

/** One executor in one process, and the executions it is running. Knows no wire. */
export class ExecutorRuntime<C> {
  readonly definition: ExecutorDefinition<C>;
  readonly logger: RuntimeLogger;
  /** Running ones by id and attempt. */
  readonly #runs = new Map<string, ExecutionRun<C>>();
  /** Ids of the last ones that ended, oldest first. */
  readonly #ended = new Set<string>();
  #stopping: Promise<void> | undefined;

  constructor(definition: ExecutorDefinition<C>, logger: RuntimeLogger) {
    this.definition = definition;
    this.logger = logger;
  }

  /** @throws {HostError} `EXECUTION_ID_CONFLICT`, `QUEUE_FULL`, or `PLUGIN_EXITED` when the process is on its way out */
  start(request: ExecutionRequest, sink: EventSink): ExecutionRun<C> {
    const { id, attempt, jobName } = request;
    const key = keyOf(id, attempt);
    this.#assertRoom(key, request);
    const logger = this.logger.with({ execution: id, attempt, ...(jobName !== "" && { job: jobName }) });
    const run = new ExecutionRun({ definition: this.definition, request, sink, logger });
    this.#runs.set(key, run);
    void this.#forgetAtEnd(key, run);
    return run;
  }

  /** Ask every running attempt of an execution to stop. */
  cancel(id: string, reason: string, graceMs: number | undefined): CancelDisposition {
    const runs = [...this.#runs.values()].filter(({ request }) => request.id === id);
    for (const run of runs) run.cancel(reason, graceMs);
    if (runs.length > 0) return "STOPPING";
    return this.#ended.has(id) ? "FINISHED" : "UNKNOWN";
  }

  /** @returns false when no such execution is running */
  setDeadline(id: string, attempt: number, deadline: Date | undefined): boolean {
    return this.#runs.get(keyOf(id, attempt))?.setDeadline(deadline) ?? false;
  }

  validate(config: ConfigText): readonly Violation[] {
    return readConfig(this.definition, config, "native").violations ?? [];
  }

  /** @throws {HostError} `NOT_SUPPORTED` */
  async probe(config: ConfigText, signal: AbortSignal): Promise<ProbeReport> {
    if (this.definition.probe === undefined) throw notSupported(this.definition.name, "probe");
    const startedAt = performance.now();
    const report = await this.#probe(config, signal);
    return { ...report, details: { durationMs: Math.round(performance.now() - startedAt), ...report.details } };
  }

  /** Take no more work, stop what runs at once, release what is pooled. Bounded, idempotent, never rejects. */
  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#stop(reason);
    return this.#stopping;
  }

  /** Stop what runs at once without a word to the host, as this process is about to crash. */
  async abandon(reason: string): Promise<void> {
    this.#stopping ??= Promise.resolve();
    const runs = [...this.#runs.values()];
    for (const run of runs) run.abandon(reason);
    await settledWithin(Promise.all(runs.map((run) => run.finished)), timeouts.crashSettleMs);
  }

  async #stop(reason: string): Promise<void> {
    const runs = [...this.#runs.values()];
    for (const run of runs) run.force(reason);
    if (!(await settledWithin(Promise.all(runs.map((run) => run.finished)), timeouts.settleMs))) {
      this.logger.error("executions did not stop in time", { left: this.#runs.size, limitMs: timeouts.settleMs });
    }
    try {
      const closed = await settledWithin(Promise.resolve(this.definition.close?.()), timeouts.closeMs);
      if (!closed) this.logger.warn("close did not return in time", { limitMs: timeouts.closeMs });
    } catch (error) {
      this.logger.warn("close threw", { error: messageOf(error) });
    }
  }

  async #probe(config: ConfigText, signal: AbortSignal): Promise<ProbeReport> {
    try {
      const parsed = readConfig(this.definition, config, "native");
      if (parsed.violations !== undefined) {
        const { message = "", code } = rejection(parsed.violations);
        return { ok: false, message, code };
      }
      return (await this.definition.probe?.({ config: parsed.value, signal })) ?? { ok: false, message: "no answer" };
    } catch (error) {
      return { ok: false, message: messageOf(error), code: isHostError(error) ? error.code : "INTERNAL" };
    }
  }

  #assertRoom(key: string, { id, attempt }: ExecutionRequest): void {
    const { name, capabilities } = this.definition;
    if (this.#stopping !== undefined) {
      throw new HostError("PLUGIN_EXITED", `executor ${name} is shutting down`, { hint: "use another process of it" });
    }
    if (this.#runs.has(key)) {
      throw new HostError(
        "EXECUTION_ID_CONFLICT",
        `executor ${name} is running attempt ${attempt} of execution ${id} already`,
      );
    }
    const limit = capabilities.maxConcurrentExecutions ?? 0;
    if (limit > 0 && this.#runs.size >= limit) {
      throw new HostError("QUEUE_FULL", `executor ${name} is running all the executions it takes: ${limit}`, {
        hint: "wait for one to end, or use another process of it",
      });
    }
  }

  async #forgetAtEnd(key: string, run: ExecutionRun<C>): Promise<void> {
    await run.finished;
    this.#runs.delete(key);
    this.#remember(run.request.id);
  }

  #remember(id: string): void {
    this.#ended.delete(id);
    this.#ended.add(id);
    const [oldest] = this.#ended;
    if (this.#ended.size > limits.rememberedExecutions && oldest !== undefined) this.#ended.delete(oldest);
  }
}

function keyOf(id: string, attempt: number): string {
  return `${attempt} ${id}`;
}

export function notSupported(name: string, ability: string): HostError {
  return new HostError("NOT_SUPPORTED", `executor ${name} does not offer ${ability}`, {
    hint: "see its capabilities in Describe",
  });
}
