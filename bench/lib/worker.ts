import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/** What a worker can be asked for, by name. Arguments and answers cross as JSON. */
type Handlers = Readonly<Record<string, (args: never) => unknown>>;

interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A process that does one part of a measurement, so that parts do not share an event loop, a heap or a JIT. */
export class Worker<H extends Handlers> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message) => this.#receive(message as Answer));
    child.on("exit", (code, signal) => this.#failAll(new Error(`worker ended: ${signal ?? `code ${code}`}`)));
  }

  /** @param file a module that calls `answer` */
  static start<H extends Handlers>(file: string, execArgv: readonly string[] = []): Worker<H> {
    return new Worker<H>(fork(file, { stdio: ["ignore", "ignore", "inherit", "ipc"], execArgv: [...execArgv] }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call<K extends keyof H & string>(name: K, args: Parameters<H[K]>[0]): Promise<Awaited<ReturnType<H[K]>>> {
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#child.send({ id, name, args } satisfies Request);
    return waiting.promise as Promise<Awaited<ReturnType<H[K]>>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }

  #receive({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  #failAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

/** Be a worker: answer until the other side leaves, then clean up and end. */
export function answer(handlers: Handlers, cleanUp: () => Promise<void> = async () => undefined): void {
  process.on("message", ({ id, name, args }: Request) => {
    const handler = handlers[name] as ((args: unknown) => unknown) | undefined;
    Promise.resolve()
      .then(() => handler?.(args))
      .then(
        (value) => process.send?.({ id, value } satisfies Answer),
        (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.stack : String(error) }),
      );
  });
  process.on("disconnect", () => void cleanUp().finally(() => process.exit()));
  // Ctrl-C reaches the whole group; the driver ends its workers in order.
  process.on("SIGINT", () => undefined);
}
