import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { HostError } from "@executor-host/proto/shared/error";
import { timeouts } from "../protocol/defaults.ts";
import { settledWithin } from "../protocol/wait.ts";
import type { PluginExit, StopStep } from "./plugin-exit.ts";
import { PluginOutput, type OutputOptions } from "./plugin-output.ts";
import { signalGroup, waitForGroupEnd } from "./process-group.ts";
import type { ProcessHandle } from "./process-handle.ts";

export interface SpawnOptions extends OutputOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly argv0: string | undefined;
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Keep stdin open for as long as this process lives. */
  readonly lifeline: boolean;
  /** Given to the child as descriptor 3. */
  readonly descriptor: number | undefined;
}

/**
 * One child process: its group, its output and its end. Knows nothing of gRPC.
 *
 * It leads a session and a process group of its own, so that signals reach what it started and nothing else.
 */
export class PluginChild implements ProcessHandle {
  readonly pid: number;
  readonly startedAt = new Date();
  readonly output: PluginOutput;
  /** Resolves in the tick of the exit event, or of {@link release}. */
  readonly ended: Promise<void>;
  /** Resolves when the process and its group are gone and the last of stderr was read, or after {@link release}. Never rejects. */
  readonly exited: Promise<PluginExit>;
  readonly #child: ChildProcess;
  readonly #steps: StopStep[] = [];
  readonly #resolveEnded: () => void;
  #isReleased = false;
  #reason: string | undefined;

  private constructor(child: ChildProcess, pid: number, options: SpawnOptions) {
    this.#child = child;
    this.pid = pid;
    this.output = new PluginOutput(child, options);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    child.once("exit", () => {
      if (this.#isReleased) return;
      // What is left of the group has lost its leader. At once: the group's number may be given away when its last member is gone.
      signalGroup(pid, "SIGKILL");
      resolve();
    });
    this.exited = this.ended.then(() => this.#describeExit());
  }

  /** @throws the operating system's error when the process cannot be started */
  static async spawn(options: SpawnOptions): Promise<PluginChild> {
    const stdio: StdioOptions = [options.lifeline ? "pipe" : "ignore", "pipe", "pipe"];
    if (options.descriptor !== undefined) stdio.push(options.descriptor);
    const child = spawn(options.file, options.args, {
      env: options.env,
      stdio,
      detached: true,
      ...(options.argv0 !== undefined && { argv0: options.argv0 }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    await once(child, "spawn");
    // A plugin that closes its stdin is none of our business.
    child.stdin?.on("error", () => undefined);
    if (child.pid === undefined) throw new TypeError("a spawned process has a pid");
    return new PluginChild(child, child.pid, options);
  }

  get hasExited(): boolean {
    return this.#isReleased || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** From now on the end of this process is what this side wants. The first reason counts. */
  expectExit(reason: string): void {
    if (!this.hasExited) this.#reason ??= reason;
  }

  /** Note a step of stopping; nothing is noted after the end. */
  noteStep(step: StopStep["step"]): void {
    if (!this.hasExited) this.#steps.push({ step, at: new Date() });
  }

  /** SIGTERM to the group, then SIGKILL to what is left after `terminateMs`. Throws as {@link kill} does. */
  async terminate(terminateMs: number): Promise<PluginExit> {
    this.#signal("SIGTERM");
    await settledWithin(this.ended, terminateMs);
    return this.kill();
  }

  /**
   * SIGKILL to the whole group. Resolves when it is gone, or with those that would not go.
   *
   * @throws {HostError} `DEADLINE_EXCEEDED` when the process itself would not go
   */
  async kill(): Promise<PluginExit> {
    this.killSync();
    if (await settledWithin(this.ended, timeouts.killMs)) return this.exited;
    throw new HostError("DEADLINE_EXCEEDED", `process ${this.pid} is still there ${timeouts.killMs} ms after SIGKILL`, {
      hint: "it waits inside the kernel, for a device or a network file system perhaps, and ends when that answers",
    });
  }

  /** SIGKILL to the whole group, without waiting. */
  killSync(): void {
    this.#signal("SIGKILL");
  }

  /** Its output is still read while this process lives, but keeps it no longer alive. */
  release(reason: string): void {
    this.expectExit(reason);
    this.#isReleased = true;
    this.#child.unref();
    if (this.#child.stdin instanceof Socket) this.#child.stdin.unref();
    this.output.unref();
    this.#resolveEnded();
  }

  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.hasExited) return;
    this.noteStep(signal);
    signalGroup(this.pid, signal);
  }

  async #describeExit(): Promise<PluginExit> {
    const at = new Date();
    const survivors = this.#isReleased ? [] : waitForGroupEnd(this.pid);
    const [left, stderrTail] = await Promise.all([survivors, this.output.lastStderr()]);
    return {
      code: this.#child.exitCode,
      signal: this.#child.signalCode,
      at,
      expected: this.#reason !== undefined,
      reason: this.#reason ?? "",
      steps: this.#steps,
      stderrTail,
      survivors: left,
    };
  }
}
