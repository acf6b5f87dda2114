import type { EventData } from "node:test";
import type { TestEvent } from "node:test/reporters";

/** A test that did not succeed, or something wrong with the file as a whole. */
export interface Failure {
  /** `suite > test`; empty for the file. */
  readonly title: string;
  readonly line: number | undefined;
  readonly error: unknown;
}

export interface Skip {
  readonly title: string;
  readonly line: number | undefined;
  readonly reason: string;
}

/** What the events of one test file's run say. */
export class TestRecord {
  passed = 0;
  readonly failures: Failure[] = [];
  readonly skips: Skip[] = [];
  /** What the file printed, on both channels. */
  output = "";
  readonly #path: string;
  readonly #tests = new Map<number, { readonly name: string; readonly parentId: number | undefined }>();
  readonly #unfinished = new Set<number>();
  #hasEnded = false;

  /** @param path of the test file, absolute */
  constructor(path: string) {
    this.#path = path;
  }

  /** Note something wrong with the file as a whole. */
  fail(message: string): void {
    this.failures.push({ title: "", line: undefined, error: message });
  }

  /** The tests that have begun and not ended, the innermost last. */
  get unfinished(): string[] {
    return [...this.#unfinished].map((testId) => this.#titleOf(testId));
  }

  take({ type, data }: TestEvent): void {
    if (data === undefined) return;
    // The runner makes one test of the whole file, which says how its process ended.
    const isFile = "name" in data && data.name === this.#path;
    if (type === "test:stdout" || type === "test:stderr") this.output += data.message;
    else if (type === "test:diagnostic" && data.file !== undefined) this.output += `${data.message}\n`;
    else if (type === "test:summary" && data.file !== undefined) this.#hasEnded = true;
    else if (type === "test:enqueue" && !isFile) this.#tests.set(data.testId, data);
    else if (type === "test:dequeue" && !isFile) this.#unfinished.add(data.testId);
    else if (type === "test:complete" && !isFile) this.#unfinished.delete(data.testId);
    else if (type === "test:fail" && isFile) this.fail(`the file's process failed: ${endOf(data.details.error)}`);
    else if (type === "test:fail") this.#takeFailure(data);
    else if (type === "test:pass" && !isFile) this.#takePass(data);
  }

  /** Judge the file when there are no more events. */
  end(): void {
    if (!this.#hasEnded && this.failures.length === 0) this.fail("has no tests, or ended before they did");
  }

  #takePass(data: EventData.TestPass): void {
    const title = this.#titleOf(data.testId);
    if (isSet(data.skip)) this.skips.push({ title, line: data.line, reason: reasonOf(data.skip) });
    else if (isSet(data.todo)) this.skips.push({ title, line: data.line, reason: `todo: ${reasonOf(data.todo)}` });
    else if (data.details.type !== "suite") this.passed++;
  }

  #takeFailure(data: EventData.TestFail): void {
    const { error } = data.details;
    // What failed inside has been told.
    if ("failureType" in error && error.failureType === "subtestsFailed") return;
    const title = this.#titleOf(data.testId);
    if (isSet(data.todo)) this.skips.push({ title, line: data.line, reason: `todo: ${reasonOf(data.todo)}` });
    else this.failures.push({ title, line: data.line, error: error.cause ?? error });
  }

  #titleOf(testId: number): string {
    const names: string[] = [];
    for (let id: number | undefined = testId; id !== undefined;) {
      const test = this.#tests.get(id);
      if (test !== undefined) names.unshift(test.name);
      id = test?.parentId;
    }
    return names.join(" > ");
  }
}

/** Present, and not `false`: an empty reason counts. */
function isSet(value: string | boolean | undefined): value is string | true {
  return value !== undefined && value !== false;
}

function reasonOf(value: string | true): string {
  return value === true || value === "" ? "no reason given" : value;
}

function endOf(error: Error): string {
  const { exitCode, signal } = error as Error & { exitCode?: number | null; signal?: string | null };
  if (signal != null) return `ended by ${signal}`;
  return exitCode == null ? error.message : `exit code ${exitCode}`;
}
