import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { timeouts } from "../protocol/defaults.ts";
import { settledWithin } from "../protocol/wait.ts";
import { LineSplitter } from "./line-splitter.ts";
import { LogLineParser, plainEntry, type LogEntry } from "./log-entry.ts";
import { OutputTail } from "./output-tail.ts";

/** The first line of stdout; `isComplete` is false when it is too long to have been seen whole. */
export interface FirstLine {
  readonly text: string;
  readonly isComplete: boolean;
}

export interface OutputOptions {
  readonly onLog: (entry: LogEntry) => void;
  /** Applied to all output but the first line of stdout, which is not shown as it is. */
  readonly mask: (text: string) => string;
}

/** Reads both pipes of a plugin process for as long as somebody holds them, so that no writer ever blocks. */
export class PluginOutput {
  /** Resolves with undefined when stdout ended without a line. */
  readonly firstLine: Promise<FirstLine | undefined>;
  readonly #stdout: LineSplitter;
  readonly #stderrTail = new OutputTail();
  readonly #stderrEnd: Promise<void>;
  readonly #pipes: readonly Readable[];
  readonly #mask: (text: string) => string;

  /** @param onLog takes every line but the first of stdout, masked */
  constructor(child: ChildProcess, { onLog, mask }: OutputOptions) {
    this.#mask = mask;
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new TypeError("output of a plugin is always a pipe");
    this.#pipes = [stdout, stderr];

    const first = Promise.withResolvers<FirstLine | undefined>();
    this.firstLine = first.promise;
    let isFirst = true;
    this.#stdout = new LineSplitter((text, isComplete) => {
      if (isFirst) first.resolve({ text, isComplete });
      else onLog(plainEntry(mask(text), "debug", "stdout"));
      isFirst = false;
    });
    stdout.on("data", (chunk: Buffer) => this.#stdout.write(chunk));
    void endOf(stdout).then(() => {
      this.#stdout.end();
      first.resolve(undefined);
    });

    const parser = new LogLineParser();
    const stderrLines = new LineSplitter((line, isComplete) =>
      onLog(isComplete ? parser.parse(mask(line)) : plainEntry(mask(line), "debug", "stderr")),
    );
    stderr.on("data", (chunk: Buffer) => {
      this.#stderrTail.write(chunk);
      stderrLines.write(chunk);
    });
    this.#stderrEnd = endOf(stderr).then(() => stderrLines.end());
  }

  /** What stdout has of a line that has not ended. */
  get unfinishedLine(): string {
    return this.#stdout.unfinished;
  }

  /** Read on, but keep this process no longer alive for it. */
  unref(): void {
    for (const pipe of this.#pipes) if (pipe instanceof Socket) pipe.unref();
  }

  /**
   * The last of stderr, for a process that has ended. Waits for what is still in the pipe, not for somebody else who holds it; that
   * output is still read, but keeps this process no longer alive.
   */
  async lastStderr(): Promise<string> {
    this.unref();
    await settledWithin(this.#stderrEnd, timeouts.drainMs);
    return this.#mask(this.#stderrTail.toString());
  }
}

function endOf(pipe: Readable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  pipe.once("close", resolve);
  // A pipe that breaks has ended; `close` follows.
  pipe.on("error", () => undefined);
  return promise;
}
