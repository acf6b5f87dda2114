import type { ExecutorDefinition, ProbeReport, Violation } from "@executor-host/sdk";
import {
  runExecutor,
  startExecutor,
  type LocalRun,
  type RunOptions,
  type StartedRun,
} from "@executor-host/sdk/testing";

type ConfigText = Readonly<Record<string, string>>;

/** An executor in this process, with connections of its own; what it leaves open is closed at the end of the test. */
export class TestExecutor<C> implements AsyncDisposable {
  readonly #definition: ExecutorDefinition<C>;
  readonly #defaults: ConfigText;

  /** @param defaults keys of every job, unless the job says otherwise */
  constructor(definition: ExecutorDefinition<C>, defaults: ConfigText = {}) {
    this.#definition = definition;
    this.#defaults = defaults;
  }

  /** Run a job and wait for its end. */
  run(config: ConfigText = {}, options: RunOptions = {}): Promise<LocalRun> {
    return runExecutor(this.#definition, { ...this.#defaults, ...config }, options);
  }

  start(config: ConfigText = {}, options: RunOptions = {}): StartedRun<LocalRun> {
    return startExecutor(this.#definition, { ...this.#defaults, ...config }, options);
  }

  async probe(config: ConfigText = {}): Promise<ProbeReport> {
    const { value, violations } = this.#definition.config.parse({ ...this.#defaults, ...config });
    if (value === undefined) throw new TypeError(`invalid config: ${JSON.stringify(violations)}`);
    const report = await this.#definition.probe?.({ config: value, signal: new AbortController().signal });
    if (report === undefined) throw new TypeError("the executor has no probe");
    return report;
  }

  /** What is wrong with a config: each key, or else the contradictions between them. */
  violations(config: ConfigText = {}): readonly Violation[] {
    const { value, violations } = this.#definition.config.parse({ ...this.#defaults, ...config });
    return violations ?? this.#definition.check?.(value) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#definition.close?.();
  }
}

/** A value of the evidence, by its path: `evidence(run, "tls", "protocol")`. */
export function evidence({ report }: LocalRun, ...path: readonly (string | number)[]): unknown {
  let value: unknown = report.evidence;
  for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key];
  return value;
}

/** Everything that an execution has told anybody, for looking for what it must not tell. */
export function everythingTold({ report, events, logs, output }: LocalRun): string {
  return JSON.stringify([report, events, logs]) + output.toString("utf8");
}
