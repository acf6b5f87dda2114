import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { HostClient } from "../../host/client/client.ts";
import { eventually } from "./eventually.ts";
import { taggedProcesses } from "./processes.ts";
import { compileCacheDir, PluginsDir } from "./plugins.ts";
import { TempDir } from "./temp-dir.ts";
import { assertNothingLeft, readInstanceId } from "./test-host.ts";

const main = join(import.meta.dirname, "../../host/cli/main.ts");

export interface HostProcessOptions {
  /** Executors of `test/fixtures/executors` to install. */
  readonly executors?: readonly string[];
  /** Further flags of `executor-host serve`. */
  readonly flags?: readonly string[];
  /** Run it as this user; only root can. */
  readonly uid?: number;
  /** Shell command to run before it, in the same process: `ulimit -n 100`. */
  readonly prelude?: string;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `executor-host serve` as a process of its own, which can be killed and started again on the same directories. */
export class HostProcess implements AsyncDisposable {
  readonly dir: TempDir;
  readonly plugins: PluginsDir;
  /** What it wrote to stderr. */
  log = "";
  readonly #options: HostProcessOptions;
  #child: ChildProcess | undefined;
  #client: HostClient | undefined;
  #ending: Promise<Ending> | undefined;

  private constructor(dir: TempDir, plugins: PluginsDir, options: HostProcessOptions) {
    this.dir = dir;
    this.plugins = plugins;
    this.#options = options;
  }

  static async start(options: HostProcessOptions = {}): Promise<HostProcess> {
    const host = await HostProcess.prepare(options);
    await host.start();
    return host;
  }

  /** Everything but the process. */
  static async prepare(options: HostProcessOptions = {}): Promise<HostProcess> {
    const dir = await TempDir.create(options.uid);
    const plugins = await PluginsDir.create(dir.join("plugins"));
    for (const name of options.executors ?? []) await plugins.fixture(name);
    return new HostProcess(dir, plugins, options);
  }

  /** Start it, and wait until it serves. */
  async start(): Promise<void> {
    const child = this.launch();
    const ready = once(child.stdout!, "data") as Promise<[Buffer]>;
    const ended = this.ended.then((ending) => assert.fail(`the host ended: ${JSON.stringify(ending)}\n${this.log}`));
    const [line] = await Promise.race([ready, ended]);
    const { addresses } = JSON.parse(line.toString()) as { addresses: readonly string[] };
    this.#client = await HostClient.connect(addresses[0] ?? "");
  }

  /** Start it, whatever becomes of it. */
  launch(): ChildProcess {
    const { flags = [], prelude = ":", uid } = this.#options;
    const args = ["serve", "--json", "--log-format", "json", "--plugins-dir", this.plugins.path];
    args.push("--state-dir", this.stateDir, "--runtime-dir", this.runtimeDir, ...flags);
    const child = spawn("sh", ["-c", `${prelude}; exec "$@"`, "sh", process.execPath, main, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], HOME: this.dir.path, NODE_COMPILE_CACHE: compileCacheDir },
      cwd: "/",
      ...(uid !== undefined && { uid, gid: uid }),
    });
    child.stderr.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
    this.#child = child;
    this.#ending = once(child, "close").then(([code, signal]) => ({ code, signal }));
    return child;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get client(): HostClient {
    assert(this.#client !== undefined, "the host serves");
    return this.#client;
  }

  get stateDir(): string {
    return this.dir.join("state");
  }

  get runtimeDir(): string {
    return this.dir.join("run");
  }

  /** A path for jobs to meet at. */
  path(name: string): string {
    return this.dir.join(name);
  }

  /** Resolves when the process has ended. */
  get ended(): Promise<Ending> {
    assert(this.#ending !== undefined, "the host was started");
    return this.#ending;
  }

  async signal(signal: NodeJS.Signals): Promise<Ending> {
    this.#child?.kill(signal);
    return this.ended;
  }

  /** SIGKILL, as by the kernel when memory is short. */
  async kill(): Promise<void> {
    await this.signal("SIGKILL");
    await this.#client?.[Symbol.asyncDispose]();
  }

  /** Processes that this host's executors are, or have started. The host must not be running. */
  leftProcesses(): readonly { readonly pid: number; readonly command: string }[] {
    return taggedProcesses(readInstanceId(this.stateDir));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#client?.[Symbol.asyncDispose]();
      const child = this.#child;
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        // The second signal stops what still runs.
        child.kill("SIGTERM");
        await eventually("the host notices", () => this.log.includes("draining") || child.exitCode !== null);
        child.kill("SIGTERM");
        await this.ended;
        await assertNothingLeft({ stateDir: this.stateDir, runtimeDir: this.runtimeDir });
      }
    } finally {
      await this.dir[Symbol.asyncDispose]();
    }
  }
}
