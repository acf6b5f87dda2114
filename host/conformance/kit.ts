import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { launchPlugin, type PluginExit, type PluginProcess } from "@executor-host/goplugin/client";
import { appVersions, magicCookie } from "@executor-host/proto/shared/executor-link";
import { Containment, type ProcessGroup } from "../supervision/containment.ts";
import { executorEnvironment } from "../supervision/environment.ts";
import type { Contract } from "./contract.ts";
import { Launched } from "./launched.ts";
import { NativeSession } from "./native-session.ts";
import type { ConformanceOptions } from "./options.ts";
import { Specimen, type LaunchPlan } from "./specimen.ts";
import { limits, timeouts, type Timeouts } from "./timeouts.ts";
import { skipped, VerdictError } from "./verdict.ts";

/** What checks share: the executor, ways to start it, and what was found out already. Disposing of it ends everything that was started. */
export class Kit implements AsyncDisposable {
  readonly options: ConformanceOptions;
  readonly path: string;
  readonly timeouts: Timeouts;
  readonly #directory: string;
  readonly #containment: Containment;
  readonly #cleanUp = new AsyncDisposableStack();
  readonly #known = new Map<string, { readonly value: Promise<unknown>; readonly foundIn: string }>();
  readonly #shared = new Set<PluginProcess>();
  readonly #blocked = new Map<Contract, string>();
  #launches = 0;
  #check = "";

  private constructor(options: ConformanceOptions, directory: string, containment: Containment) {
    this.options = options;
    this.path = resolve(options.path);
    this.timeouts = { ...timeouts, ...options.timeouts };
    this.#directory = directory;
    this.#containment = containment;
    this.#cleanUp.defer(() => rm(directory, { recursive: true, force: true }));
    this.#cleanUp.defer(() => containment.close());
  }

  static async open(options: ConformanceOptions): Promise<Kit> {
    const directory = await mkdtemp(join(tmpdir().length <= longestBase ? tmpdir() : "/tmp", "eh-kit-"));
    await mkdir(workingDirectoryIn(directory));
    const { containment } = await Containment.open(`conformance-${randomUUID()}`, { wasAbandoned: false });
    return new Kit(options, directory, containment);
  }

  /** From now on, what goes wrong was found out by this check. */
  enter(check: string): void {
    this.#check = check;
  }

  /** The current check showed that the executor cannot be launched for these contracts. */
  block(contracts: readonly Contract[]): void {
    for (const contract of contracts) this.#blocked.set(contract, this.#blocked.get(contract) ?? this.#check);
  }

  /**
   * Find something out, once for all checks.
   *
   * @throws what `make` throws, in the check that asks first; for others it is a reason to be skipped
   */
  async once<T>(what: string, make: () => Promise<T>): Promise<T> {
    const known = this.#known.get(what);
    if (known === undefined) {
      const value = make();
      this.#known.set(what, { value, foundIn: this.#check });
      return value;
    }
    try {
      return (await known.value) as T;
    } catch (error) {
      const isSkipped = error instanceof VerdictError && error.verdict.status === "skipped";
      throw isSkipped || known.foundIn === this.#check ? error : see(known.foundIn);
    }
  }

  /** Start the executor step by step. Whoever starts it may dispose of it; at the end everything is. */
  async start(plan: LaunchPlan): Promise<Specimen> {
    const group = await this.#newGroup();
    const specimen = await Specimen.start(plan, {
      path: this.path,
      env: this.#environment(group),
      cwd: workingDirectoryIn(this.#directory),
      runtimeDir: this.#directory,
      group,
    });
    return this.keep(specimen);
  }

  /** Launch the executor as a host does it. Whoever launches it may dispose of it; at the end everything is. */
  async launch(contract: Contract): Promise<Launched> {
    const blockedBy = this.#blocked.get(contract);
    if (blockedBy !== undefined) throw see(blockedBy);
    const group = await this.#newGroup();
    const { signal } = this.options;
    const said: string[] = [];
    const hear = (text: string): void => {
      if (said.push(text) > limits.keptLines) said.shift();
    };
    const plugin = await launchPlugin({
      command: this.path,
      env: this.#environment(group),
      cwd: workingDirectoryIn(this.#directory),
      magicCookie,
      appVersions: [appVersions[contract]],
      // As hosts written in Go do; those of Dkron's contract speak to executors without.
      autoMtls: contract === "native" && { curve: "P-521" },
      runtimeDir: this.#directory,
      startTimeoutMs: this.timeouts.stepMs,
      afterSpawn: (pid) => group.add(pid),
      onLog: ({ message, fields }) => hear(`${message} ${JSON.stringify(fields)}`),
      onStdio: (_channel, data) => hear(data.toString("latin1")),
      ...(signal && { signal }),
    });
    return this.keep(new Launched(plugin, group, this.timeouts.endMs, said));
  }

  /** Dispose of it at the end; at once, when that is over. */
  async keep<T extends AsyncDisposable | Disposable>(resource: T): Promise<T> {
    if (!this.#cleanUp.disposed) return this.#cleanUp.use(resource);
    await using _late: AsyncDisposable | Disposable = resource;
    throw new VerdictError(skipped("the kit is closed"));
  }

  /** The process that checks of a contract share; a new one when it has ended. */
  async shared(contract: Contract): Promise<Launched> {
    const what = `shared process: ${contract}`;
    const launched = await this.once(what, async () => {
      const made = await this.launch(contract);
      this.#shared.add(made.plugin);
      return made;
    });
    if (!launched.plugin.hasExited) return launched;
    this.#known.delete(what);
    return this.shared(contract);
  }

  async native(): Promise<NativeSession> {
    return new NativeSession(await this.shared("native"), this.timeouts.stepMs);
  }

  /** How a shared process ended, if one did so by itself; told once. */
  async unexpectedEnd(): Promise<PluginExit | undefined> {
    for (const plugin of this.#shared) {
      if (!plugin.hasExited) continue;
      this.#shared.delete(plugin);
      const exit = await plugin.exited;
      if (!exit.expected) return exit;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp.disposeAsync();
  }

  #newGroup(): Promise<ProcessGroup> {
    this.#launches += 1;
    return this.#containment.forProcess(String(this.#launches));
  }

  #environment({ tag }: ProcessGroup): Record<string, string> {
    const { environment, allowedEnvironment } = this.options;
    return executorEnvironment(environment, allowedEnvironment, tag);
  }
}

/** What is left of a socket's 107 bytes for the place that all is in. */
const longestBase = 60;

/** An executor must not care where it is started: here is nothing. */
function workingDirectoryIn(directory: string): string {
  return join(directory, "cwd");
}

function see(check: string): VerdictError {
  return new VerdictError(skipped(`see ${check}`));
}
