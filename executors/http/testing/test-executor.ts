import {
  runExecutor,
  startExecutor,
  type LocalRun,
  type RunOptions,
  type StartedRun,
} from "@executor-host/sdk/testing";

import { createHttpExecutor } from "../definition.ts";

/** An http executor of its own, with connections of its own; what it leaves open is closed at the end of the test. */
export class TestExecutor implements AsyncDisposable {
  readonly definition = createHttpExecutor();

  /** Run a job and wait for its end; the method is GET unless the config says otherwise. */
  run(config: Record<string, string>, options: RunOptions = {}): Promise<LocalRun> {
    return runExecutor(this.definition, { method: "GET", ...config }, options);
  }

  start(config: Record<string, string>, options: RunOptions = {}): StartedRun {
    return startExecutor(this.definition, { method: "GET", ...config }, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.definition.close?.();
  }
}

/** A value of the evidence, by its path: `at(run, "tls", "protocol")`. */
export function evidence(run: LocalRun, ...path: readonly (string | number)[]): unknown {
  let value: unknown = run.report.evidence;
  for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key];
  return value;
}

/** The report's violation of a key, or undefined. */
export function violationOf(run: LocalRun, key: string): string | undefined {
  return run.report.violations?.find((violation) => violation.field.startsWith(key))?.message;
}
