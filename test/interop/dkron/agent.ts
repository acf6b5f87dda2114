import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Output that came while a job ran. */
export interface Update {
  readonly text: string;
  readonly isError: boolean;
}

/** What became of a job. */
export interface Execution {
  readonly success: boolean;
  /** What Dkron would keep: the error, then the output, the end of both. */
  readonly stored: Buffer;
  readonly output: Buffer;
  readonly error: string;
  /** A gRPC error in place of an answer; empty if there was an answer. */
  readonly status: string;
  readonly updates: readonly Update[];
}

interface RunOptions {
  readonly job?: string;
  readonly onUpdate?: (update: Update) => void;
}

interface Waiting extends PromiseWithResolvers<Execution> {
  readonly updates: Update[];
  readonly onUpdate: ((update: Update) => void) | undefined;
}

/** A line of the agent's output, see `agent/run.go`. Bytes are base64, and null if there are none. */
interface Line {
  readonly id: number;
  readonly isError?: boolean;
  readonly output: string | null;
  readonly success: boolean;
  readonly stored: string | null;
  readonly error: string;
  readonly status: string;
}

/** A host made with Go that treats executors as Dkron's agent does, in a process of its own. */
export class Agent implements AsyncDisposable {
  /** The processes of the executors that it found, by name. */
  readonly executors: ReadonlyMap<string, number>;
  readonly process: ChildProcess;
  readonly #waiting: Map<number, Waiting>;
  #lastId = 0;

  private constructor(child: ChildProcess, executors: ReadonlyMap<string, number>, waiting: Map<number, Waiting>) {
    this.process = child;
    this.executors = executors;
    this.#waiting = waiting;
  }

  /** @throws what the agent said, when one of the executors does not start */
  static async start(program: string, directories: readonly string[], env = process.env): Promise<Agent> {
    const child = spawn(program, directories, { stdio: ["pipe", "pipe", "pipe"], env });
    const waiting = new Map<number, Waiting>();
    const started = Promise.withResolvers<ReadonlyMap<string, number>>();
    const log: string[] = [];
    createInterface(child.stderr).on("line", (line) => log.push(line));
    createInterface(child.stdout).on("line", (text) => {
      const line = JSON.parse(text) as Line & { executors?: Record<string, number> };
      if (line.executors === undefined) receive(waiting, line);
      else started.resolve(new Map(Object.entries(line.executors)));
    });
    child.on("close", () => {
      const error = new Error(`the agent has ended:\n${log.slice(-20).join("\n")}`);
      started.reject(error);
      for (const { reject } of waiting.values()) reject(error);
    });
    return new Agent(child, await started.promise, waiting);
  }

  run(
    executor: string,
    config: Readonly<Record<string, string>>,
    { job = "job", onUpdate }: RunOptions = {},
  ): Promise<Execution> {
    const id = ++this.#lastId;
    const waiting: Waiting = { ...Promise.withResolvers<Execution>(), updates: [], onUpdate };
    this.#waiting.set(id, waiting);
    this.process.stdin?.write(`${JSON.stringify({ run: { id, executor, job, config } })}\n`);
    return waiting.promise;
  }

  /** Let it end as at Dkron's shutdown: jobs first, then the executors. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const closed = once(this.process, "close");
    this.process.stdin?.end();
    await closed;
  }
}

function receive(all: Map<number, Waiting>, line: Line): void {
  const waiting = all.get(line.id);
  if (waiting === undefined) return;
  const output = bytes(line.output);
  if (line.isError !== undefined) {
    const update = { text: output.toString(), isError: line.isError };
    waiting.updates.push(update);
    waiting.onUpdate?.(update);
    return;
  }
  all.delete(line.id);
  const { success, error, status } = line;
  waiting.resolve({ success, stored: bytes(line.stored), output, error, status, updates: waiting.updates });
}

function bytes(base64: string | null): Buffer {
  return Buffer.from(base64 ?? "", "base64");
}
