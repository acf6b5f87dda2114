import type { Readable } from "node:stream";
import type { Interrupts } from "./interrupts.ts";
import type { Output } from "./output.ts";

/** What a command sees of the process it runs in. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Where this software is installed; `plugins` in it holds its own executors. */
  readonly installDir: string;
  readonly interrupts: Interrupts;
  /** Aborted by the first signal, unless a command has taken charge of signals. */
  readonly signal: AbortSignal;
  /** Words after `--`; undefined when there was no `--`. */
  readonly trailing: readonly string[] | undefined;
  /** End the process at once. */
  exit(code: number): void;
}
