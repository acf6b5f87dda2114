import { HostError } from "@executor-host/proto/shared/error";
import { timeouts } from "../protocol/defaults.ts";
import { identifyProcess, readProcessStat, startOf, type ProcessIdentity } from "../protocol/process-identity.ts";
import type { ReattachInfo } from "../protocol/reattach-info.ts";
import { settledWithin } from "../protocol/wait.ts";
import type { PluginExit, StopStep } from "./plugin-exit.ts";
import { signalGroup, waitForGroupEnd } from "./process-group.ts";
import type { ProcessHandle } from "./process-handle.ts";

/**
 * A process that somebody else started.
 *
 * Nobody tells of its end, so it is looked at again and again. Its exit status and its pipes are another's. Every look and every signal
 * is for this very process: a number that was given away again counts as the end.
 */
export class AttachedProcess implements ProcessHandle {
  readonly pid: number;
  readonly startedAt: Date;
  readonly ended: Promise<void>;
  readonly exited: Promise<PluginExit>;
  readonly #found: ProcessIdentity;
  /** False when the process was found by its number alone. */
  readonly #isProven: boolean;
  readonly #steps: StopStep[] = [];
  readonly #poll: NodeJS.Timeout;
  readonly #resolveEnded: () => void;
  #hasEnded = false;
  #isReleased = false;
  #reason: string | undefined;

  private constructor(pid: number, found: ProcessIdentity, isProven: boolean) {
    this.pid = pid;
    this.#found = found;
    this.#isProven = isProven;
    this.startedAt = startOf(found);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.exited = this.ended.then(() => this.#describeExit());
    this.#poll = setInterval(() => this.#look(), timeouts.attachedPollMs).unref();
  }

  /**
   * Find the process of a plugin.
   *
   * @throws {HostError} `PLUGIN_GONE` when there is none, or another one under its number; `NOT_SUPPORTED` where there is no /proc
   */
  static find({ pid, identity }: Pick<ReattachInfo, "pid" | "identity">): AttachedProcess {
    if (identifyProcess(process.pid) === undefined) {
      throw new HostError("NOT_SUPPORTED", "reattaching needs /proc, to tell one process from another");
    }
    const found = identifyProcess(pid);
    if (found === undefined) throw gone(`there is no process ${pid}`);
    if (identity !== undefined && found.bootId !== identity.bootId) throw gone("the machine was started anew since");
    if (identity !== undefined && found.startTicks !== identity.startTicks)
      throw gone(`process ${pid} is another one by now: it started at ${startOf(found).toISOString()}`);
    return new AttachedProcess(pid, found, identity !== undefined);
  }

  get hasExited(): boolean {
    return this.#hasEnded;
  }

  expectExit(reason: string): void {
    if (!this.#hasEnded) this.#reason ??= reason;
  }

  noteStep(step: StopStep["step"]): void {
    if (!this.#hasEnded) this.#steps.push({ step, at: new Date() });
  }

  async terminate(terminateMs: number): Promise<PluginExit> {
    this.#assertProven("SIGTERM");
    this.#signal("SIGTERM");
    await settledWithin(this.ended, terminateMs);
    return this.kill();
  }

  async kill(): Promise<PluginExit> {
    this.#assertProven("SIGKILL");
    this.killSync();
    if (await settledWithin(this.ended, timeouts.killMs)) return this.exited;
    throw new HostError("DEADLINE_EXCEEDED", `process ${this.pid} is still there ${timeouts.killMs} ms after SIGKILL`, {
      hint: "it waits inside the kernel, for a device or a network file system perhaps, and ends when that answers",
    });
  }

  killSync(): void {
    this.#signal("SIGKILL");
  }

  release(reason: string): void {
    this.expectExit(reason);
    this.#isReleased = true;
    this.#end();
  }

  #look(): void {
    const stat = identifyProcess(this.pid);
    if (stat?.startTicks !== this.#found.startTicks) this.#end();
  }

  #end(): void {
    clearInterval(this.#poll);
    this.#hasEnded = true;
    this.#resolveEnded();
  }

  /** To its whole group if it leads one; otherwise that is its host's, or its user's shell's. */
  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.#look();
    if (this.#hasEnded || !this.#isProven) return;
    this.noteStep(signal);
    if (this.#leadsGroup) signalGroup(this.pid, signal);
    else process.kill(this.pid, signal);
  }

  #assertProven(signal: string): void {
    this.#look();
    if (!this.#hasEnded && !this.#isProven) {
      throw new HostError(
        "NOT_SUPPORTED",
        `process ${this.pid} is not sent ${signal}: it may be another than the plugin`,
        {
          hint: "reattach info with an identity allows it",
        },
      );
    }
  }

  get #leadsGroup(): boolean {
    return readProcessStat(this.pid)?.groupId === this.pid;
  }

  async #describeExit(): Promise<PluginExit> {
    const at = new Date();
    const survivors = this.#isReleased || !this.#isProven ? [] : await waitForGroupEnd(this.pid);
    return {
      code: null,
      signal: null,
      at,
      expected: this.#reason !== undefined,
      reason: this.#reason ?? "",
      steps: this.#steps,
      stderrTail: "",
      survivors,
    };
  }
}

function gone(reason: string): HostError {
  return new HostError("PLUGIN_GONE", `cannot reattach to the plugin: ${reason}`, {
    hint: "the plugin has ended; launch it anew",
  });
}
