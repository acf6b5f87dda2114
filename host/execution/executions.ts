import { setTimeout as sleep } from "node:timers/promises";
import { HostError, messageOf, type Violation } from "@executor-host/proto/shared/error";
import { newExecutionId } from "@executor-host/proto/shared/execution-id";
import type { Batch } from "../journal/batch.ts";
import type { ReadOptions } from "../journal/event-log.ts";
import type { Entry, Journal, ListQuery } from "../journal/journal.ts";
import type { Logger } from "../log/logger.ts";
import { type Execution, type ExecutionSpec, type ProbeReport, type Queueing } from "../model/model.ts";
import type { ConfigChecks } from "../policy/config-check.ts";
import type { Supervisor } from "../supervision/supervisor.ts";
import type { Timeouts } from "../timeouts.ts";
import { closeAbandoned, isResumable } from "./abandoned.ts";
import {
  checkAbilities,
  checkMaxima,
  checkSpec,
  checkWait,
  digestOf,
  refuseViolations,
  slotRequestOf,
  withDefaults,
  type LimitDefaults,
} from "./admission.ts";
import { changedLimits, checkChange, type LimitsChange } from "./limits-change.ts";
import { Rivals } from "./rivals.ts";
import { ExecutionRun } from "./run.ts";
import type { Slots } from "./slots.ts";
import { StopCause } from "./stop.ts";

export interface ExecutionsOptions {
  readonly journal: Journal;
  readonly supervisor: Supervisor;
  readonly slots: Slots;
  readonly configChecks: ConfigChecks;
  readonly limits: LimitDefaults;
  /** Shortest time between two events of an execution's usage; 0 means that there are none. */
  readonly usageIntervalMs: number;
  /** Size of one execution's config. */
  readonly maxConfigBytes: number;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
}

export interface Submitted {
  readonly execution: Execution;
  /** The id was known already, with the same payload. */
  readonly alreadyKnown: boolean;
}

/** How many executions an earlier host has left, by what became of them. */
export interface Recovered {
  readonly resumed: number;
  readonly closed: number;
}

/** Of those that keep an execution from running, for people. */
const maxNamedRivals = 3;

/** All executions of this host: the running ones in memory, the finished ones in the journal. */
export class Executions {
  readonly #options: ExecutionsOptions;
  readonly #runs = new Map<string, ExecutionRun>();
  readonly #rivals = new Rivals();
  /** Ids being checked and accepted; a repeat waits for the first. */
  readonly #accepting = new Map<string, Promise<ExecutionRun>>();
  /** Aborts with what callers are told from then on. */
  readonly #draining = new AbortController();

  constructor(options: ExecutionsOptions) {
    this.#options = options;
  }

  get active(): number {
    return this.#runs.size;
  }

  /**
   * Take care of every execution that an earlier host left unfinished. It goes on if its executor can find its work again; otherwise it gets
   * its end: NOT_STARTED if it was only waiting, its last attempt's if it was waiting for another, LOST if it was running.
   */
  async recover(): Promise<Recovered> {
    const recovered = { resumed: 0, closed: 0 };
    for (const entry of this.#options.journal.unfinished()) {
      const isResumed = isResumable(entry, this.#options.journal) && (await this.#resume(entry));
      if (!isResumed) await closeAbandoned(entry, this.#options.journal);
      recovered[isResumed ? "resumed" : "closed"] += 1;
    }
    return recovered;
  }

  /**
   * Accept an execution, or find the one there is.
   *
   * @returns once it is in the journal
   * @throws {HostError} as `host.v1` says of Execute
   */
  async submit(requested: ExecutionSpec): Promise<Submitted> {
    const spec = requested.id === "" ? { ...requested, id: newExecutionId() } : requested;
    refuseViolations("SPEC_INVALID", checkSpec(spec, this.#options.maxConfigBytes));
    const digest = digestOf(spec, this.#options.journal.instanceId);
    // Whether the first of two is accepted is its caller's business; the second then starts afresh. No await between the look and the claim.
    while (this.#accepting.has(spec.id)) await this.#accepting.get(spec.id)?.catch(() => undefined);
    // An id that was chosen here is new.
    const known = requested.id === "" ? undefined : this.#known(spec.id, digest);
    if (known !== undefined) return { execution: known, alreadyKnown: true };
    this.#draining.signal.throwIfAborted();
    const accepting = this.#accept(spec, digest);
    this.#accepting.set(spec.id, accepting);
    try {
      const run = await accepting;
      return { execution: run.snapshot(), alreadyKnown: false };
    } finally {
      this.#accepting.delete(spec.id);
    }
  }

  /** Everything that is wrong with a spec; empty when it would be accepted. */
  async validate(requested: ExecutionSpec, signal: AbortSignal): Promise<readonly Violation[]> {
    const spec = requested.id === "" ? { ...requested, id: newExecutionId() } : requested;
    const violations = checkSpec(spec, this.#options.maxConfigBytes);
    if (violations.length > 0) return violations;
    const { description } = await this.#options.supervisor.describe(spec.executor, signal);
    const wrong = [
      ...checkMaxima(spec.limits, this.#options.limits),
      ...checkAbilities(spec, description.capabilities),
      ...(await this.#options.configChecks.of(description)).violations(spec.config),
    ];
    if (wrong.length > 0) return wrong;
    const lease = await this.#options.supervisor.lease(spec.executor, signal);
    try {
      return await lease.process.link.validate(spec.config);
    } finally {
      lease.release();
    }
  }

  async probe(
    executor: string,
    config: Readonly<Record<string, string>>,
    options: { timeoutMs: number | undefined; signal: AbortSignal },
  ): Promise<ProbeReport> {
    const { supervisor, configChecks, timeouts } = this.#options;
    refuseViolations("SPEC_INVALID", checkWait("timeout", options.timeoutMs, 1));
    const { description } = await supervisor.describe(executor, options.signal);
    refuseViolations("CONFIG_INVALID", (await configChecks.of(description)).violations(config));
    const lease = await supervisor.lease(executor, options.signal);
    try {
      return await lease.process.link.probe(config, {
        timeoutMs: options.timeoutMs ?? timeouts.probeMs,
        signal: options.signal,
      });
    } finally {
      lease.release();
    }
  }

  /** @throws {HostError} `EXECUTION_NOT_FOUND` */
  get(id: string): Execution {
    const execution = this.#runs.get(id)?.snapshot() ?? this.#options.journal.find(id)?.execution;
    if (execution === undefined) throw notFound(id);
    return execution;
  }

  /** Newest first, with the number to go on before. */
  list(query: ListQuery): { executions: readonly Execution[]; last: number | undefined } {
    const found = this.#options.journal.list({ ...query, limit: query.limit + 1, current: this.#current(query) });
    const entries = found.slice(0, query.limit);
    return {
      executions: entries.map(({ execution }) => this.#runs.get(execution.spec.id)?.snapshot() ?? execution),
      last: found.length > entries.length ? entries.at(-1)?.number : undefined,
    };
  }

  /** Batches of events; see `EventLog.read`. @throws {HostError} `EXECUTION_NOT_FOUND` */
  async watch(id: string, options: ReadOptions): Promise<AsyncIterable<Batch>> {
    const log = this.#runs.get(id)?.log ?? (await this.#options.journal.openLog(id));
    if (log === undefined) throw notFound(id);
    return log.read(options);
  }

  /** @throws {HostError} `EXECUTION_NOT_FOUND`, `SPEC_INVALID` */
  cancel(id: string, options: { reason: string; graceMs: number | undefined }): Execution {
    refuseViolations("SPEC_INVALID", checkWait("grace", options.graceMs, 0));
    const run = this.#runs.get(id);
    const reason = options.reason === "" ? "cancelled" : `cancelled: ${options.reason}`;
    run?.stop(new StopCause("cancel", reason, options.graceMs));
    return this.get(id);
  }

  /**
   * Have other limits hold for an execution that is not over. Idempotent.
   *
   * @returns once it is journaled, with what may still happen by the earlier ones
   * @throws {HostError} `EXECUTION_NOT_FOUND`, `EXECUTION_OVER`, `SPEC_INVALID`
   */
  async changeLimits(
    id: string,
    change: LimitsChange,
    reason: string,
  ): Promise<{ readonly execution: Execution; readonly warnings: readonly string[] }> {
    const run = this.#runs.get(id);
    const { state, result } = this.get(id);
    if (run === undefined || result !== undefined || run.isStopping) {
      const what = result === undefined ? "is being stopped" : "has ended";
      throw new HostError("EXECUTION_OVER", `execution "${id}" ${what}: its limits cannot be changed any more`, {
        hint: state === "FINISHED" ? "submit it again under another id" : "wait for its end",
      });
    }
    refuseViolations("SPEC_INVALID", checkChange(change, run.initialLimits, this.#options.limits));
    const limits = changedLimits(run.limits, change);
    const warnings = limits === undefined ? [] : await run.changeLimits(limits, reason);
    return { execution: run.snapshot(), warnings };
  }

  /**
   * Take nothing new, let what runs finish, and stop what is still there after the time.
   *
   * Executions that wait for a slot end NOT_STARTED at once: another host can have them.
   */
  async drain(options: { timeoutMs: number; signal?: AbortSignal | undefined }): Promise<void> {
    const refusal = new HostError("HOST_DRAINING", "the host is draining and takes no new executions", {
      hint: "use another host",
    });
    this.#draining.abort(refusal);
    await Promise.allSettled(this.#accepting.values());
    const cause = new StopCause("drain", "the host is stopping");
    for (const run of this.#runs.values()) if (run.snapshot().state === "QUEUED") run.stop(cause);
    const hurry = Promise.withResolvers<void>();
    const timer = setTimeout(hurry.resolve, options.timeoutMs);
    options.signal?.addEventListener("abort", () => hurry.resolve(), { once: true });
    if (options.signal?.aborted === true) hurry.resolve();
    await Promise.race([this.#allFinished(), hurry.promise]);
    clearTimeout(timer);
    for (const run of this.#runs.values()) run.stop(cause);
    await this.#allFinished();
    await this.#allSettled();
  }

  async #allFinished(): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => run.finished));
  }

  /** A result that was shown while the disk was full still has to reach the journal; a disk that stays full must not keep the host. */
  async #allSettled(): Promise<void> {
    const settled = Promise.all([...this.#runs.values()].map((run) => run.settled));
    const enough = new AbortController();
    const limit = sleep(this.#options.timeouts.journalRetryMs, undefined, { signal: enough.signal });
    await Promise.race([settled, limit]);
    enough.abort();
    await limit.catch(() => undefined);
  }

  /** The journal need not know every state that a running execution goes through. */
  #current({ states, outcomes }: ListQuery): { all: number[]; matching: number[] } {
    const runs = [...this.#runs.values()].map((run) => ({ number: run.number, ...run.snapshot() }));
    const matching = runs.filter(
      ({ state, result }) =>
        (states.length === 0 || states.includes(state)) &&
        (outcomes.length === 0 || (result !== undefined && outcomes.includes(result.outcome))),
    );
    return { all: runs.map(({ number }) => number), matching: matching.map(({ number }) => number) };
  }

  #known(id: string, digest: string): Execution | undefined {
    const run = this.#runs.get(id);
    const known =
      run === undefined ? this.#options.journal.find(id) : { digest: run.digest, execution: run.snapshot() };
    if (known === undefined) return undefined;
    if (known.digest === digest) return known.execution;
    throw new HostError("EXECUTION_ID_CONFLICT", `execution "${id}" exists with another payload`, {
      hint: "use a new id for a new execution; repeat the exact payload to attach to the existing one",
    });
  }

  async #accept(spec: ExecutionSpec, digest: string): Promise<ExecutionRun> {
    const { journal, supervisor, slots, configChecks, limits } = this.#options;
    slots.admit(slotRequestOf(spec));
    const description =
      supervisor.known(spec.executor) ?? (await supervisor.describe(spec.executor, this.#draining.signal)).description;
    refuseViolations("SPEC_INVALID", [
      ...checkMaxima(spec.limits, limits),
      ...checkAbilities(spec, description.capabilities),
    ]);
    const configCheck = await configChecks.of(description);
    refuseViolations("CONFIG_INVALID", configCheck.violations(spec.config));
    const run = new ExecutionRun({
      ...this.#options,
      number: journal.nextNumber(),
      digest,
      spec,
      maskedSpec: { ...spec, config: configCheck.masked(spec.config) },
      limits: withDefaults(spec.limits, limits, description.capabilities),
      resumable: description.capabilities.idempotent,
    });
    const rivals = this.#rivals.of(spec.queueing.concurrencyKey);
    const { maxConcurrent, whenBusy } = spec.queueing;
    if (whenBusy === "SKIP" && rivals.length >= maxConcurrent) run.stop(skippedFor(rivals, spec.queueing));
    await this.#begin(run, spec, () => run.accept());
    if (whenBusy === "REPLACE") {
      const cause = new StopCause("replaced", `replaced by execution "${spec.id}"`);
      for (const rival of rivals.slice(0, Math.max(0, rivals.length - maxConcurrent + 1))) rival.stop(cause);
    }
    return run;
  }

  /** @returns false when its log cannot be gone on with */
  async #resume({ number, digest, execution }: Entry): Promise<boolean> {
    const { spec } = execution;
    const { limits, logger } = this.#options;
    const { graceMs = limits.graceMs, maxOutputBytes = limits.maxOutputBytes } = execution.limits;
    const run = new ExecutionRun({
      ...this.#options,
      number,
      digest,
      spec,
      maskedSpec: spec,
      limits: { ...execution.limits, graceMs, maxOutputBytes },
      resumable: true,
      earlier: execution,
    });
    try {
      await this.#begin(run, spec, () => run.resume());
      return true;
    } catch (error) {
      logger.error("execution cannot be resumed", { execution: spec.id, error: messageOf(error) });
      return false;
    }
  }

  async #begin(run: ExecutionRun, { id, queueing }: ExecutionSpec, begin: () => Promise<void>): Promise<void> {
    const { concurrencyKey } = queueing;
    // Before it is accepted, so that of two that come at once the second one sees the first.
    this.#rivals.add(concurrencyKey, run);
    void run.finished.then(() => this.#rivals.remove(concurrencyKey, run));
    try {
      await begin();
    } catch (error) {
      this.#rivals.remove(concurrencyKey, run);
      throw error;
    }
    this.#runs.set(id, run);
    void run.settled.then(() => this.#runs.delete(id));
  }
}

function skippedFor(rivals: readonly ExecutionRun[], { concurrencyKey, maxConcurrent }: Queueing): StopCause {
  const ids = rivals.map(({ id }) => `"${id}"`).slice(0, maxNamedRivals);
  const more = rivals.length > ids.length ? " ..." : "";
  const message = `skipped: ${rivals.length} of ${maxConcurrent} are there for key "${concurrencyKey}": ${ids.join(", ")}${more}`;
  return new StopCause("skipped", message);
}

function notFound(id: string): HostError {
  return new HostError("EXECUTION_NOT_FOUND", `no execution has the id "${id}"`, {
    hint: "finished executions are kept for the time set by retention",
  });
}
