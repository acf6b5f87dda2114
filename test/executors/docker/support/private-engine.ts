import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { engineCommand, engineReady } from "../../../../scripts/lib/services/docker-engine.ts";
import { eventually } from "../../../support/eventually.ts";
import { endpoint } from "./docker.ts";

/** Why no engine can be started here; false when one can. */
export const cannotStart: string | false = process.getuid?.() === 0 ? false : "only root can start an engine";

/** An engine that a test may stop, kill and start again. Disposing of it leaves nothing of it. */
export class PrivateEngine implements AsyncDisposable {
  readonly host: string;
  readonly #directory: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(directory: string, flags: readonly string[]) {
    this.#directory = directory;
    this.#flags = flags;
    this.host = `unix://${engineCommand(endpoint("root"), directory).socket}`;
  }

  /** Start one, and give it the image of the tests. */
  static async start(...flags: readonly string[]): Promise<PrivateEngine> {
    // Not in the test's own directory: a socket's path may not be longer than about a hundred characters.
    const engine = new PrivateEngine(await mkdtemp("/tmp/eh-engine-"), flags);
    await engine.start();
    const docker = join(endpoint("root"), "usr/bin/docker");
    const copy = `"$0" -H "$1" save "$3" | "$0" -H "$2" load`;
    const child = spawn("sh", ["-c", copy, docker, endpoint("host"), engine.host, endpoint("busybox")], {
      stdio: "ignore",
    });
    await once(child, "close");
    return engine;
  }

  async start(): Promise<void> {
    const { command, args, env, socket } = engineCommand(endpoint("root"), this.#directory, this.#flags);
    this.#child = spawn(command, args, { env, stdio: "ignore" });
    await engineReady(socket, AbortSignal.timeout(60_000));
  }

  /** SIGKILL, for the engine and what it had started itself; containers are not harmed by that. */
  async kill(): Promise<void> {
    const record = join(this.#directory, "exec/containerd/containerd.pid");
    const pid = Number(readFileSync(record, "utf8"));
    await this.end("SIGKILL");
    await eventually("its containerd ends with it", () => !isRunning(pid));
    // The next engine would take a process that is dead and not buried yet for one that lives.
    await rm(record, { force: true });
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = once(child, "close");
    child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGTERM");
    // With live-restore an engine leaves some behind.
    const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
    const ours = mounts.map((line) => line.split(" ")[1] ?? "").filter((path) => path.startsWith(this.#directory));
    for (const path of ours.toReversed()) execFileSync("umount", ["--lazy", path]);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
