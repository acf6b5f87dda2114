import { setTimeout as delay } from "node:timers/promises";
import type { StopReport } from "@executor-host/sdk";
import { limits } from "../defaults.ts";
import type { JobCgroup } from "../limits/job-cgroup.ts";
import type { RunningJob, Supervision } from "../spawner/job-spawner.ts";
import { startTimer, waitAtMost } from "../timer.ts";
import { commandLine, describeProcesses, signalProcess, type ProcessInfo } from "./proc.ts";

/** What there is to stop. */
export interface StopTarget {
  readonly job: Pick<RunningJob, "pid" | "exited" | "processes">;
  /** Who is to be ended and still lives. */
  readonly members: () => Promise<readonly ProcessInfo[]>;
  /** Of all of them. Undefined: they are to be killed as they are found. */
  readonly supervision: Supervision | undefined;
  readonly cgroup: JobCgroup | undefined;
}

/** What a job itself wants done when it is to be stopped. */
export interface FirstStep {
  /** Its name in the report. */
  readonly action: string;
  readonly maxMs: number;
  /** @returns how it went, for people; soon after the signal has aborted. Never rejects */
  readonly run: (signal: AbortSignal) => Promise<string>;
}

export interface StopOptions {
  /** Sent first. */
  readonly stopSignal: NodeJS.Signals;
  /** From that signal until SIGKILL: one budget for the whole job. 0 means SIGKILL at once. */
  readonly graceMs: number;
  /** For people: why. */
  readonly reason: string;
  /** Cuts the grace short. */
  readonly forceSignal: AbortSignal;
  /** Done before anything else, within the grace. */
  readonly first?: FirstStep | undefined;
}

/**
 * End a job with everything it has started: ask, wait, force, and then look whether anything is left.
 *
 * Never throws. Takes `graceMs` plus a few milliseconds; up to `limits.killMs` more when processes do not die.
 */
export async function stopJob(target: StopTarget, options: StopOptions): Promise<StopReport> {
  const ladder = new StopLadder(target, options);
  if (options.graceMs > 0 && !options.forceSignal.aborted) await ladder.askAndWait();
  return ladder.force();
}

class StopLadder {
  readonly #target: StopTarget;
  readonly #options: StopOptions;
  readonly #steps: StopReport["steps"][number][] = [];
  /** Identities of processes that got a signal one by one, by signal. */
  readonly #signalled = new Set<string>();
  /** What the main process and its group got together. */
  readonly #groupSignals = new Set<NodeJS.Signals>();

  constructor(target: StopTarget, options: StopOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Until nobody is left, the grace is over, or force is asked for. */
  async askAndWait(): Promise<void> {
    const { graceMs, forceSignal, stopSignal, reason, first } = this.#options;
    const { job, members, supervision } = this.#target;
    const graceOver = new AbortController();
    using _timer = startTimer(() => graceOver.abort(), graceMs);
    const signal = AbortSignal.any([forceSignal, graceOver.signal]);
    if (first !== undefined) await this.#takeFirstStep(first, signal);
    this.#signalGroup(stopSignal, reason);
    await Promise.race([job.exited, aborted(signal)]);
    // Whoever is outside the group is asked now: the main process, which may have wanted to do that itself, is gone.
    for (let waitMs: number = limits.pollMs; !signal.aborted; waitMs = longer(waitMs)) {
      const left = await members();
      if (left.length === 0) return;
      // Nobody is asked twice: to some programs a second signal means to hurry.
      this.#signalEach(
        stopSignal,
        left.filter((member) => !this.#wasInGroup(member, stopSignal)),
        reason,
      );
      const waited = delay(waitMs, undefined, { signal }).catch(ignoreAbort);
      await (supervision === undefined ? waited : Promise.race([waited, supervision.emptied]));
    }
  }

  async #takeFirstStep({ action, maxMs, run }: FirstStep, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    using _timer = startTimer(() => over.abort(), maxMs);
    const time = new Date();
    const detail = await run(AbortSignal.any([signal, over.signal]));
    this.#steps.push({ action, time, detail });
  }

  async force(): Promise<StopReport> {
    const { job, members, cgroup, supervision } = this.#target;
    if (this.#signalGroup("SIGKILL")) await waitAtMost(limits.maxPollMs, job.exited);
    let left = await members();
    if (cgroup !== undefined && left.length > 0) {
      this.#note(await cgroup.kill(), cgroup.name);
      await delay(limits.pollMs);
      left = await members();
    }
    // Their time begins here: where they take all of the machine, looking for them may alone have taken longer.
    if (supervision === undefined) left = await this.#sweep(left);
    else {
      this.#signalEach("SIGKILL", left, "still there");
      supervision.killAll();
      await waitAtMost(limits.killMs, supervision.emptied);
      left = await members();
    }
    this.#note("verify", left.length === 0 ? "nothing is left" : "some processes did not end");
    return { steps: this.#steps, survivors: left.map(({ pid }) => ({ pid, command: commandLine(pid) })) };
  }

  /** Kill until nothing is found several times in a row: what is born during one sweep is found by the next. @returns who is left */
  async #sweep(found: readonly ProcessInfo[]): Promise<readonly ProcessInfo[]> {
    const endMs = performance.now() + limits.killMs;
    let left = found;
    let waitMs: number = limits.pollMs;
    for (let emptySweeps = 0; emptySweeps < limits.emptySweeps && performance.now() < endMs;) {
      this.#signalEach("SIGKILL", left, "still there");
      await delay(waitMs);
      left = await this.#target.members();
      emptySweeps = left.length === 0 ? emptySweeps + 1 : 0;
      if (left.length > 0) waitMs = longer(waitMs);
    }
    return left;
  }

  #signalGroup(signal: NodeJS.Signals, reason?: string): boolean {
    const { pid, processes } = this.#target.job;
    if (!processes.signalGroup(signal)) return false;
    this.#groupSignals.add(signal);
    this.#note(
      signal,
      `process group${pid === undefined ? "" : ` ${pid}`}${reason === undefined ? "" : `: ${reason}`}`,
    );
    return true;
  }

  #wasInGroup(member: ProcessInfo, signal: NodeJS.Signals): boolean {
    return this.#groupSignals.has(signal) && this.#target.job.processes.inGroup(member);
  }

  #signalEach(signal: NodeJS.Signals, members: readonly ProcessInfo[], reason: string): void {
    const fresh = members.filter(({ pid, startTicks }) => !this.#signalled.has(`${signal} ${pid} ${startTicks}`));
    // Who was signalled with his group may just be dying. Named before they are signalled, as the dead have no command line.
    const news = fresh.filter((member) => !this.#wasInGroup(member, signal));
    if (news.length > 0) this.#note(signal, `${describeProcesses(news)}: ${reason}`);
    for (const member of fresh) {
      signalProcess(member, signal);
      if (signal !== "SIGKILL") signalProcess(member, "SIGCONT");
      this.#signalled.add(`${signal} ${member.pid} ${member.startTicks}`);
    }
  }

  #note(action: string, detail: string): void {
    this.#steps.push({ action, time: new Date(), detail });
  }
}

function longer(waitMs: number): number {
  return Math.min(2 * waitMs, limits.maxPollMs);
}

/** The loop that waits looks at the signal itself. */
function ignoreAbort(): void {}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
