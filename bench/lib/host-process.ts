import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Programs } from "./programs.ts";

export interface HostOptions {
  readonly programs: Programs;
  /** A directory of its own for this host is made in here, and removed at the end. */
  readonly directory: string;
  /** More settings, as environment variables. */
  readonly settings?: Readonly<Record<string, string>>;
}

const pollMs = 1;
const startTimeoutMs = 30_000;

/** A host in its own process, with a journal of its own. */
export class HostProcess implements AsyncDisposable {
  readonly pid: number;
  readonly address: string;
  /** `performance.now()` just before the process was made. */
  readonly spawnedMs: number;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, directory: string, spawnedMs: number) {
    this.#child = child;
    this.#directory = directory;
    this.spawnedMs = spawnedMs;
    this.pid = child.pid ?? 0;
    this.address = `unix:${directory}/h.sock`;
  }

  /** @returns when it accepts connections */
  static async start({ programs, directory, settings }: HostOptions): Promise<HostProcess> {
    const own = await mkdtemp(join(directory, "h-"));
    const log = openSync(join(own, "log"), "a");
    const spawnedMs = performance.now();
    const child = spawn(programs.host, ["serve"], {
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env["PATH"],
        EXECUTOR_HOST_PLUGINS_DIRS: programs.pluginsDirs.join(":"),
        EXECUTOR_HOST_STATE_DIR: join(own, "state"),
        EXECUTOR_HOST_RUNTIME_DIR: join(own, "run"),
        EXECUTOR_HOST_LISTEN: `unix:${own}/h.sock`,
        ...settings,
      },
    });
    closeSync(log);
    const host = new HostProcess(child, own, spawnedMs);
    try {
      await host.#listening();
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
    return host;
  }

  /** Where its sockets and those of its executors are. */
  get runtimeDir(): string {
    return join(this.#directory, "run");
  }

  /** What it has logged so far. */
  get log(): string {
    return readFileSync(join(this.#directory, "log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #listening(): Promise<void> {
    const deadline = performance.now() + startTimeoutMs;
    while (!(await accepts(join(this.#directory, "h.sock")))) {
      if (this.#hasEnded) throw new Error(`the host ended at once:\n${this.log}`);
      if (performance.now() > deadline) throw new Error(`the host does not listen:\n${this.log}`);
      await sleep(pollMs);
    }
  }
}

function accepts(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.on("connect", () => resolve(true));
  socket.on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
