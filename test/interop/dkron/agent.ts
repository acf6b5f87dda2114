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

/** How long executions took, and how many there were in a second. */
export interface Measured {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
}

/** A line of the agent's output, see `agent/*.go`. Bytes are base64, and null if there are none. */
type Line =
  | { readonly executors: Readonly<Record<string, number>> }
  | { readonly id: number; readonly update: { readonly output: string | null; readonly isError: boolean } }
  | { readonly id: number; readonly execution: ExecutionLine }
  | { readonly id: number; readonly measured: Measured & { readonly error?: string } };

interface ExecutionLine {
  readonly success: boolean;
  readonly stored: string | null;
  readonly output: string | null;
  readonly error: string;
  readonly status: string;
}

type Answer = Exclude<Line, { executors: unknown }>;

interface Waiting {
  receive(answer: Answer): void;
  reject(error: Error): void;
}

/** Lines of the agent's log that an error shows. */
const lastWords = 20;

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
    createInterface(child.stderr).on("line", (line) => {
      if (log.push(line) > lastWords) log.shift();
    });
    createInterface(child.stdout).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      if ("executors" in line) started.resolve(new Map(Object.entries(line.executors)));
      else waiting.get(line.id)?.receive(line);
    });
    child.on("close", () => {
      const error = new Error(`the agent has ended:\n${log.join("\n")}`);
      started.reject(error);
      for (const { reject } of waiting.values()) reject(error);
    });
    return new Agent(child, await started.promise, waiting);
  }

  async run(
    executor: string,
    config: Readonly<Record<string, string>>,
    { job = "job", onUpdate }: RunOptions = {},
  ): Promise<Execution> {
    const updates: Update[] = [];
    const answer = await this.#ask({ run: { executor, job, config } }, ({ output, isError }) => {
      const update = { text: bytes(output).toString(), isError };
      updates.push(update);
      onUpdate?.(update);
    });
    if (!("execution" in answer)) throw new Error("the agent answers something else");
    const { stored, output, ...rest } = answer.execution;
    return { ...rest, stored: bytes(stored), output: bytes(output), updates };
  }

  /** Run the same job many times. */
  burst(executor: string, options: { readonly count: number; readonly concurrency: number }): Promise<Measured> {
    return this.#measure({ burst: { executor, ...options } });
  }

  /** Run one job in a process of its own. @returns how long it took from the start of the process to the answer */
  start(file: string): Promise<Measured> {
    return this.#measure({ start: { file } });
  }

  /** Let it end as at Dkron's shutdown: jobs first, then the executors. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const closed = once(this.process, "close");
    this.process.stdin?.end();
    await closed;
  }

  async #measure(request: object): Promise<Measured> {
    const answer = await this.#ask(request);
    if (!("measured" in answer)) throw new Error("the agent answers something else");
    if (answer.measured.error !== undefined) throw new Error(answer.measured.error);
    return answer.measured;
  }

  #ask(request: object, onUpdate?: (update: { output: string | null; isError: boolean }) => void): Promise<Answer> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, {
      receive(answer) {
        if ("update" in answer) onUpdate?.(answer.update);
        else resolve(answer);
      },
      reject,
    });
    this.process.stdin?.write(`${JSON.stringify({ id, ...request })}\n`);
    return promise.finally(() => this.#waiting.delete(id));
  }
}

function bytes(base64: string | null): Buffer {
  return Buffer.from(base64 ?? "", "base64");
}
