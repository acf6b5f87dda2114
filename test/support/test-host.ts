import assert from "node:assert/strict";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Writable } from "node:stream";
import { HostClient } from "../../host/client/client.ts";
import { Host, type HostOptions } from "../../host/host.ts";
import { createLogger } from "../../host/log/logger.ts";
import { loadSettings, type Settings } from "../../host/settings/settings.ts";
import { eventually } from "./eventually.ts";
import { PluginsDir } from "./plugins.ts";
import { taggedProcesses } from "./processes.ts";
import { TempDir } from "./temp-dir.ts";

export interface TestHostOptions {
  /** Executors of `test/fixtures/executors` to install. */
  readonly executors?: readonly string[];
  readonly settings?: Partial<Settings>;
  readonly timeouts?: HostOptions["timeouts"];
}

/**
 * A real host in a private directory, with a client.
 *
 * Disposing of it stops the host and fails if anything is left: processes, sockets, control groups.
 */
export class TestHost implements AsyncDisposable {
  readonly dir: TempDir;
  readonly plugins: PluginsDir;
  readonly settings: Settings;
  /** Everything the host logged, as JSON lines. */
  readonly log: string[] = [];
  readonly #timeouts: HostOptions["timeouts"];
  #running: { host: Host; client: HostClient } | undefined;

  private constructor(dir: TempDir, plugins: PluginsDir, options: TestHostOptions) {
    this.dir = dir;
    this.plugins = plugins;
    this.settings = testSettings(dir, options.settings);
    this.#timeouts = options.timeouts;
  }

  static async start(options: TestHostOptions = {}): Promise<TestHost> {
    const test = await TestHost.prepare(options);
    await test.start();
    return test;
  }

  /** Everything but the host itself. */
  static async prepare(options: TestHostOptions = {}): Promise<TestHost> {
    const dir = await TempDir.create();
    const plugins = await PluginsDir.create(dir.join("plugins"));
    for (const name of options.executors ?? []) await plugins.fixture(name);
    return new TestHost(dir, plugins, options);
  }

  async start(): Promise<void> {
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.log.push(...chunk.toString().trimEnd().split("\n"));
        done();
      },
    });
    const logger = createLogger({ stream, level: "debug", format: "json" });
    const host = await Host.start(this.settings, { logger, ...(this.#timeouts && { timeouts: this.#timeouts }) });
    const client = await HostClient.connect(host.addresses[0] ?? "");
    this.#running = { host, client };
  }

  get host(): Host {
    return this.#must.host;
  }

  get client(): HostClient {
    return this.#must.client;
  }

  /** A further connection. */
  connect(): Promise<HostClient> {
    return HostClient.connect(this.host.addresses[0] ?? "");
  }

  /** A path for jobs to meet at. */
  path(name: string): string {
    return this.dir.join(name);
  }

  /** The bytes the journal has on disk, of all files together. */
  journalBytes(): Buffer {
    const files = globSync(join(this.settings.stateDir, "**"), { withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))));
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await running.client[Symbol.asyncDispose]();
    await running.host[Symbol.asyncDispose]();
    await assertNothingLeft(this.settings);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } finally {
      await this.dir[Symbol.asyncDispose]();
    }
  }

  get #must(): { host: Host; client: HostClient } {
    assert(this.#running !== undefined, "the host is running");
    return this.#running;
  }
}

/** The settings of a machine where nothing is set, in a directory of their own. */
function testSettings(dir: TempDir, changes: Partial<Settings> = {}): Settings {
  const { settings } = loadSettings({
    flags: {
      "plugins-dirs": [dir.join("plugins")],
      "state-dir": dir.join("state"),
      "runtime-dir": dir.join("run"),
      "log-format": "json",
    },
    env: {},
    installDir: dir.path,
    surroundings: { systemDir: dir.join("etc"), homeDir: dir.path },
  });
  return { ...settings, ...changes };
}

/** After a host's end: no process, no socket and no control group of it. */
export async function assertNothingLeft(host: Pick<Settings, "stateDir" | "runtimeDir">): Promise<void> {
  const { stateDir, runtimeDir } = host;
  const instanceId = readInstanceId(stateDir);
  await eventually("the host's processes end", () => taggedProcesses(instanceId).length === 0).catch(() => {
    assert.deepEqual(taggedProcesses(instanceId), [], "processes are left");
  });
  assert.deepEqual(controlGroups(instanceId), [], "control groups are left");
  assert.deepEqual(existsSync(runtimeDir) ? readdirSync(runtimeDir, { recursive: true }) : [], [], "sockets are left");
}

/** The name by which the processes of a state directory's hosts are marked. The host must not be running. */
export function readInstanceId(stateDir: string): string {
  const database = new DatabaseSync(join(stateDir, "journal.sqlite"));
  try {
    const row = database.prepare("SELECT value FROM host WHERE key = 'instance'").get() as { value: string };
    return row.value;
  } finally {
    database.close();
  }
}

function controlGroups(instanceId: string): readonly string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const roots = mounts
    .filter((fields) => /^cgroup2?$/.test(fields[fields.indexOf("-") + 1] ?? ""))
    .map((fields) => fields[4] ?? "");
  return roots.flatMap((root) => globSync(join(root, "**", `executor-host-${instanceId}`)));
}
