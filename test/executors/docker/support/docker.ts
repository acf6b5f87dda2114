import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createDockerExecutor } from "../../../../executors/docker/definition.ts";
import { parsePolicy } from "../../../../executors/docker/policy/policy.ts";
import {
  runExecutor,
  startExecutor,
  type LocalRun,
  type RunOptions,
  type StartedRun,
} from "@executor-host/sdk/testing";
import { service } from "../../../support/services.ts";

const engine = service("docker");
const run = promisify(execFile);

/** Why there is nothing to test against; false when there is. */
export const skip = engine.skip;

/** What the service has: `busybox`, `stubborn` and other images, `registry`, `root` ... */
export function endpoint(name: string): string {
  return engine.endpoint(name);
}

export interface KitOptions {
  /** The machine's policy; default: none. */
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Default: the service's. */
  readonly host?: string;
}

/** A docker executor of its own on the engine of the tests. Disposing of it fails when a container of its executions is left. */
export class DockerKit implements AsyncDisposable {
  readonly host: string;
  readonly definition: ReturnType<typeof createDockerExecutor>;
  readonly #ids = new Set<string>();

  constructor({ policy = {}, host = endpoint("host") }: KitOptions = {}) {
    this.host = host;
    this.definition = createDockerExecutor(parsePolicy(JSON.stringify(policy), "the test"));
  }

  /** Run a job in busybox, unless the config says otherwise, and wait for its end. */
  run(config: Record<string, string>, options: RunOptions = {}): Promise<LocalRun> {
    return runExecutor(this.definition, this.config(config), this.#noted(options));
  }

  start(config: Record<string, string>, options: RunOptions = {}): StartedRun<LocalRun> {
    return startExecutor(this.definition, this.config(config), this.#noted(options));
  }

  config(config: Record<string, string>): Record<string, string> {
    return { image: endpoint("busybox"), endpoint: this.host, pull: "never", ...config };
  }

  /** The engine's own command. @returns what it printed */
  async docker(...args: readonly string[]): Promise<string> {
    const command = join(endpoint("root"), "usr/bin/docker");
    const { stdout } = await run(command, ["--host", this.host, ...args]);
    return stdout.trim();
  }

  /** Names of the containers of an execution. */
  async containersOf(id: string): Promise<readonly string[]> {
    const filter = `label=io.executor-host.execution=${id}`;
    const names = await this.docker("ps", "--all", "--filter", filter, "--format", "{{.Names}}");
    return names.split("\n").filter((name) => name !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.definition.close?.();
    for (const id of this.#ids) assert.deepEqual(await this.containersOf(id), [], "containers are left");
  }

  #noted(options: RunOptions): RunOptions & { readonly id: string } {
    const id = options.id ?? crypto.randomUUID();
    this.#ids.add(id);
    return { ...options, id };
  }
}
