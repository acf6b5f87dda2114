import { constants } from "node:os";
import { getSystemErrorMap, getSystemErrorName } from "node:util";
import { limits } from "../../defaults.ts";
import { StartFailure } from "../../failure.ts";
import { JobTree } from "../../process/job-tree.ts";
import { descendants, type ProcessInfo } from "../../process/proc.ts";
import type { ProcessTable } from "../../process/process-table.ts";
import type { CountedUsage, Exit, JobProcesses, JobSpec, RunningJob, Supervision } from "../job-spawner.ts";
import { setupFailure, spawnFailure } from "../setup-failure.ts";
import type { EventTaker, SupervisorLink } from "./supervisor-link.ts";
import { commands, type WireEvent } from "./wire.ts";

export interface NativeJobOptions {
  readonly link: SupervisorLink;
  readonly spec: JobSpec;
  /** For the case that the supervisor is killed. */
  readonly table: ProcessTable;
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** Write ends, in the supervisor. */
  readonly outputs: readonly [number, number];
}

/** A job with a supervisor of its own. Every process of the job stays below the supervisor, wherever it went. */
export class NativeJob implements RunningJob, JobProcesses, EventTaker {
  readonly stdoutFd: number;
  readonly stderrFd: number;
  readonly #launched = Promise.withResolvers<StartFailure | undefined>();
  readonly #exited = Promise.withResolvers<Exit>();
  readonly #emptied = Promise.withResolvers<void>();
  readonly #options: NativeJobOptions;
  readonly #number: number;
  #supervisorPid: number | undefined;
  #pid: number | undefined;
  #exit: Exit | undefined;
  #usage: CountedUsage | undefined;
  #isEmpty = false;
  /** Stands in for a supervisor that was killed. */
  #remains: JobTree | undefined;

  /** @throws {StartFailure} */
  constructor(options: NativeJobOptions) {
    const { link, spec, outputs } = options;
    this.stdoutFd = options.stdoutFd;
    this.stderrFd = options.stderrFd;
    this.#options = options;
    this.#number = link.add(this);
    const input = spec.stdinFd === undefined ? undefined : `/proc/${process.pid}/fd/${spec.stdinFd}`;
    const request = link.requests.spawn(this.#number, spec, outputs, input);
    if (request.length > limits.requestBytes) {
      link.remove(this.#number);
      throw spawnFailure("E2BIG", spec);
    }
    link.send(request);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  get launched(): Promise<StartFailure | undefined> {
    return this.#launched.promise;
  }

  get exited(): Promise<Exit> {
    return this.#exited.promise;
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  get usage(): CountedUsage | undefined {
    return this.#usage;
  }

  get processes(): JobProcesses {
    return this;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  async members(): Promise<readonly ProcessInfo[]> {
    if (this.#isEmpty) return [];
    if (this.#remains !== undefined) return this.#remains.members();
    if (this.#supervisorPid === undefined) return [];
    return descendants(this.#supervisorPid).filter(({ zombie }) => !zombie);
  }

  inGroup({ groupId }: ProcessInfo): boolean {
    return groupId === this.#pid;
  }

  signalGroup(signal: NodeJS.Signals): boolean {
    if (this.#isEmpty || this.#exit !== undefined) return false;
    // The supervisor knows better than this side whether the main process is still there.
    this.#command(constants.signals[signal]);
    return true;
  }

  /** Nobody has left the tree, so nobody else belongs to it. Who has come by an output in some other way is no business of this job. */
  async adopt(isMember: (candidate: ProcessInfo) => boolean): Promise<readonly ProcessInfo[]> {
    return this.#remains === undefined ? [] : this.#remains.adopt(isMember);
  }

  get supervision(): Supervision | undefined {
    if (this.#remains !== undefined) return undefined;
    return { emptied: this.#emptied.promise, killAll: () => this.#command(commands.kill) };
  }

  release(): void {
    this.#command(commands.release);
    this.#options.link.remove(this.#number);
  }

  take(event: WireEvent): void {
    switch (event.kind) {
      case "started":
        this.#supervisorPid = event.supervisorPid;
        this.#pid = event.pid;
        this.#launched.resolve(undefined);
        break;
      case "failed":
        this.#end();
        this.#launched.resolve(failureOf(event, this.#options.spec));
        break;
      case "exited":
        this.#usage = event.usage;
        if (event.isEmpty) this.#end();
        this.#finish(exitOf(event.status));
        break;
      case "empty":
        this.#usage = event.usage;
        this.#end();
        break;
      case "lost":
        this.lost();
        break;
      case "hello":
      case "pipes":
        break;
    }
  }

  /** The supervisor was killed, and the kernel has killed the main process with it. What else there is has to be found in another way. */
  lost(): void {
    if (this.#isEmpty) return;
    const pid = this.#pid ?? 0;
    const leader = { pid, parentPid: 0, groupId: pid, sessionId: pid, startTicks: 0, cpuTicks: 0, kernelThread: false };
    const { table, spec } = this.#options;
    this.#remains = new JobTree({ table, leader: { ...leader, zombie: false }, tag: spec.tag, alsoPids: () => [] });
    this.#emptied.resolve();
    this.#launched.resolve(
      new StartFailure("NO_RESOURCES", "the supervisor of the job was killed before it had started it", {
        hint: "if nobody did it by hand, the machine may be out of memory; try again later",
      }),
    );
    this.#finish({ signal: "SIGKILL" });
  }

  #finish(exit: Exit): void {
    this.#exit ??= exit;
    this.#exited.resolve(this.#exit);
    if (this.#pid !== undefined) return;
    // It was killed before its program ran, which takes long only when it waits for its input.
    this.#launched.resolve(setupFailure("stdin_file", "the job was killed while it waited for it", this.#options.spec));
  }

  #end(): void {
    this.#isEmpty = true;
    this.#emptied.resolve();
    this.#options.link.remove(this.#number);
  }

  #command(command: number): void {
    if (this.#isEmpty) return;
    const { link } = this.#options;
    link.send(link.requests.command(this.#number, command));
  }
}

/** Of several names of one signal, the usual one comes first. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** Take apart a status of waitpid(2). */
function exitOf(status: number): Exit {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff };
  return { signal: signalNames.get(signal) ?? (`SIG${signal}` as NodeJS.Signals) };
}

/** What cannot be isolated, by the detail of a failed step; see `enum isolation_detail` of supervisor/wire.h. */
const isolationNames = new Map([
  [1, "a pid namespace"],
  [2, "a network of its own"],
  [3, "read-only files"],
  [4, "no_new_privs"],
]);

function failureOf({ step, detail, errno }: Extract<WireEvent, { kind: "failed" }>, spec: JobSpec): StartFailure {
  const code = errno > 0 ? getSystemErrorName(-errno) : undefined;
  const reason = getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`;
  switch (step) {
    case "fork":
    case "exec":
      return spawnFailure(code, spec, new Error(reason));
    case "owner":
      return spawnFailure("EPERM", spec, new Error(reason));
    case "input":
      return new StartFailure("TEMPORARY_FILE_FAILED", `cannot open the payload: ${reason}`);
    case "cwd":
      return setupFailure("cwd", reason, spec);
    case "inputFile":
      return setupFailure("stdin_file", reason, spec);
    case "limit":
      return setupFailure("limits", `ulimit -${String.fromCharCode(detail)}: ${reason}`, spec);
    case "isolation":
      return setupFailure("isolation", `${isolationNames.get(detail) ?? "a namespace"}: ${reason}`, spec);
    case "nice":
      return setupFailure("setup", `nice ${spec.nice}: ${reason}`, spec);
    case "cgroup":
      return setupFailure("setup", `its cgroup: ${reason}`, spec);
  }
}
