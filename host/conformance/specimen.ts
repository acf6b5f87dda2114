import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  createIdentity,
  formatVersionList,
  isAddressProblem,
  lifelineStdin,
  lifelineVariable,
  parseAddress,
  scrubEnvironment,
  variables,
  type Identity,
} from "@executor-host/goplugin/parts";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { magicCookie } from "@executor-host/proto/shared/executor-link";
import type { ProcessGroup } from "../supervision/containment.ts";
import { taggedProcesses, type ProcessRow } from "./process-table.ts";
import { limits } from "./timeouts.ts";
import { settlesWithin } from "./waiting.ts";

/** How an executor is started, step by step instead of as a host does it. */
export interface LaunchPlan {
  /** Application versions in `PLUGIN_PROTOCOL_VERSIONS`. */
  readonly offers: readonly number[];
  /** Whether the executor is given a client certificate. */
  readonly tls: boolean;
  /** Whether multiplexing is asked for. */
  readonly multiplex?: true;
  /** Default the right one. */
  readonly cookie?: "wrong" | "none";
  /** Started by a shell in between, which plays the host: ending it is the host's end. */
  readonly behindShell?: true;
}

export interface SpecimenOptions {
  readonly path: string;
  /** Without what the plan brings. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The socket directory is made in here. */
  readonly runtimeDir: string;
  readonly group: ProcessGroup;
}

/** What came first on stdout: a line with its line feed; or stdout ended, or went on being silent, after what is in `text`. */
export interface Greeting {
  readonly kind: "line" | "ended" | "silent";
  readonly text: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

// The background job of a shell reads from /dev/null unless it is given something else.
const shellHost = 'exec 3<&0; "$0" <&3 3<&- & exec 3<&-; wait';

/** A process of the executor under test, before anybody talks to it. */
export class Specimen implements AsyncDisposable {
  readonly plan: LaunchPlan;
  /** Sockets belong in here; private. */
  readonly socketDirectory: string;
  /** The client certificate it was given. */
  readonly identity: Identity | undefined;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #group: ProcessGroup;
  readonly #greeted = Promise.withResolvers<Greeting>();
  #disposed: Promise<void> | undefined;
  #stdout = "";
  #stderr = "";

  private constructor(
    child: ChildProcess,
    plan: LaunchPlan,
    group: ProcessGroup,
    socketDirectory: string,
    identity: Identity | undefined,
  ) {
    this.#child = child;
    this.plan = plan;
    this.#group = group;
    this.socketDirectory = socketDirectory;
    this.identity = identity;
    this.exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
    child.stdin?.on("error", () => undefined); // A plugin may close its stdin.
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#takeStdout(text));
    child.stdout?.once("close", () => this.#greeted.resolve({ kind: "ended", text: this.#stdout }));
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-limits.stderrBytes);
    });
  }

  /** @throws {HostError} `PLUGIN_SPAWN_FAILED` */
  static async start(plan: LaunchPlan, options: SpecimenOptions): Promise<Specimen> {
    const { path, group, cwd } = options;
    const identity = plan.tls ? createIdentity("P-521") : undefined;
    const socketDirectory = await mkdtemp(join(options.runtimeDir, "s-"));
    const env = environmentFor(plan, options.env, socketDirectory, identity);
    const [file, args] = plan.behindShell ? ["/bin/sh", ["-c", shellHost, path]] : [path, []];
    try {
      const child = spawn(file, args, { cwd, env, detached: true, stdio: "pipe" });
      await once(child, "spawn");
      const specimen = new Specimen(child, plan, group, socketDirectory, identity);
      await group.add(specimen.pid);
      return specimen;
    } catch (error) {
      throw new HostError("PLUGIN_SPAWN_FAILED", `cannot start ${path}: ${messageOf(error)}`, { cause: error });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get tag(): string {
    return this.#group.tag;
  }

  /** The last of stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Everything on stdout until the first line had ended. */
  get stdout(): string {
    return this.#stdout;
  }

  async greeting(limitMs: number): Promise<Greeting> {
    if (await settlesWithin(this.#greeted.promise, limitMs)) return this.#greeted.promise;
    return { kind: "silent", text: this.#stdout };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Play the end of the host: the shell in between dies, and every pipe that a host holds breaks. */
  loseHost(): void {
    this.#child.kill("SIGKILL");
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe?.destroy();
  }

  /** Processes that came from this one, itself included. */
  processes(): readonly ProcessRow[] {
    return taggedProcesses(this.tag);
  }

  socketFiles(): Promise<string[]> {
    return readdir(this.socketDirectory);
  }

  /** Nothing is left of it afterwards. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#group.killAll();
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe?.destroy();
    await rm(this.socketDirectory, { recursive: true, force: true });
    await this.#removeForeignSocket();
  }

  #takeStdout(text: string): void {
    if (this.#stdout.endsWith("\n") || this.#stdout.length > limits.lineBytes) return;
    this.#stdout += text.slice(0, text.indexOf("\n") + 1 || undefined);
    if (this.#stdout.endsWith("\n")) this.#greeted.resolve({ kind: "line", text: this.#stdout });
  }

  /** An executor that ignores the socket directory leaves its socket elsewhere. Removed only if it is a socket of this user. */
  async #removeForeignSocket(): Promise<void> {
    const [, , network = "", path = ""] = this.#stdout.trim().split("|");
    const address = parseAddress(network, path);
    if (isAddressProblem(address) || address.network !== "unix") return;
    const found = await lstat(address.path).catch(() => undefined);
    if (found?.isSocket() && found.uid === process.getuid?.()) await rm(address.path, { force: true });
  }
}

function environmentFor(
  plan: LaunchPlan,
  env: SpecimenOptions["env"],
  socketDirectory: string,
  identity: Identity | undefined,
): Record<string, string> {
  const cookie = plan.cookie === "wrong" ? "wrong" : magicCookie.value;
  return {
    ...scrubEnvironment(env),
    ...(plan.cookie !== "none" && { [magicCookie.key]: cookie }),
    [variables.minPort]: "10000",
    [variables.maxPort]: "25000",
    [variables.protocolVersions]: formatVersionList(plan.offers),
    [variables.socketDirectory]: socketDirectory,
    ...(plan.multiplex && { [variables.multiplex]: "true" }),
    ...(identity && { [variables.clientCertificate]: identity.certificatePem }),
    [lifelineVariable]: lifelineStdin,
  };
}
