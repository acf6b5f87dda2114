import { randomUUID } from "node:crypto";
import type { ConfigText } from "../config/define-config.ts";
import type { JsonObject } from "../config/json.ts";
import type { ExecutorDefinition } from "../definition/define-executor.ts";
import type { Protocol } from "../definition/execution.ts";
import type { ExecutionEvent } from "../runtime/event.ts";
import { ExecutionRun } from "../runtime/execution-run.ts";
import { timeouts, type ExecutionTimeouts } from "../timeouts.ts";
import { MemoryLogger, type LogEntry } from "./memory-logger.ts";
import type { Run } from "./run.ts";
import { RunRecorder } from "./run-recorder.ts";

/** What an execution in this process did. */
export interface LocalRun extends Run {
  readonly logs: readonly LogEntry[];
}

export interface RunOptions {
  /** Default: a random one. */
  readonly id?: string;
  /** Default 1. */
  readonly attempt?: number;
  readonly jobName?: string;
  readonly deadline?: Date;
  readonly heartbeatTimeoutMs?: number;
  /** What an earlier attempt gave to `heartbeat`. */
  readonly heartbeatDetails?: JsonObject;
  readonly labels?: Readonly<Record<string, string>>;
  readonly traceContext?: Readonly<Record<string, string>>;
  /** Default "native". */
  readonly protocol?: Protocol;
  /** As when a process has died over stopping it: there is nothing to begin, and perhaps something to stop. */
  readonly recall?: { readonly reason: string; readonly graceMs: number };
  /** Cancels the execution when it aborts, with the default grace. */
  readonly signal?: AbortSignal;
  /** Forces the execution to stop when it aborts. */
  readonly forceSignal?: AbortSignal;
  /** Shorter waits, such as `{ heartbeatMs: 10 }`. */
  readonly timeouts?: Partial<ExecutionTimeouts>;
}

/** An execution on its way. */
export interface StartedRun<R extends Run = Run> {
  readonly id: string;
  /** In this process it never rejects; over a link it rejects when the call fails. */
  readonly finished: Promise<R>;
  /** @throws when the execution ends without such an event */
  waitForStarted(): Promise<{ readonly target: string }>;
  /** Wait until the output of both channels together, read as UTF-8, holds `text`. @throws when the execution ends without it */
  waitForOutput(text: string): Promise<void>;
  /** @returns the first event that matches, past ones included @throws when the execution ends without one */
  waitFor(matches: (event: ExecutionEvent) => boolean): Promise<ExecutionEvent>;
  cancel(options?: { readonly reason?: string; readonly graceMs?: number }): void;
  force(reason?: string): void;
}

/** Run an execution in this process, through everything `serve` uses except gRPC, and wait for its end. */
export function runExecutor<C>(
  definition: ExecutorDefinition<C>,
  config: ConfigText,
  options: RunOptions = {},
): Promise<LocalRun> {
  return startExecutor(definition, config, options).finished;
}

/** As `runExecutor`, without waiting. */
export function startExecutor<C>(
  definition: ExecutorDefinition<C>,
  config: ConfigText,
  options: RunOptions = {},
): StartedRun<LocalRun> {
  const { id = randomUUID(), attempt = 1, jobName = "", labels = {}, traceContext = {}, protocol = "native" } = options;
  const { deadline, heartbeatTimeoutMs, heartbeatDetails, recall } = options;
  const recorder = new RunRecorder();
  const logger = new MemoryLogger();
  const run = new ExecutionRun({
    definition,
    request: {
      id,
      attempt,
      jobName,
      config,
      deadline,
      heartbeatTimeoutMs,
      heartbeatDetails,
      labels,
      traceContext,
      protocol,
      recall,
    },
    sink: { write: (event) => recorder.add(event), drained: () => Promise.resolve() },
    logger,
    timeouts: { ...timeouts, ...options.timeouts },
  });
  const onCancel = onAbort(options.signal, () => run.cancel("cancelled by the test"));
  const onForce = onAbort(options.forceSignal, () => run.force("forced by the test"));
  const finished = run.finished.then((report) => {
    onCancel[Symbol.dispose]();
    onForce[Symbol.dispose]();
    return { ...recorder.run(report), logs: logger.entries };
  });
  return {
    id,
    finished,
    waitForStarted: () => recorder.waitForStarted(),
    waitForOutput: (text) => recorder.waitForOutput(text),
    waitFor: (matches) => recorder.waitFor(matches),
    cancel: ({ reason = "cancelled by the test", graceMs } = {}) => run.cancel(reason, graceMs),
    force: (reason = "forced by the test") => run.force(reason),
  };
}

/** Call `listener` when `signal` aborts, or now if it has; disposing of the answer takes it back. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): Disposable {
  if (signal?.aborted) listener();
  else signal?.addEventListener("abort", listener, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", listener) };
}
