import type { LogEntry, PluginExit, PluginProcess, StopOptions } from "@executor-host/goplugin/client";
import { launchPlugin } from "@executor-host/goplugin/client";
import { ExecutorServiceClient } from "@executor-host/proto/executor";
import { isHostError, messageOf } from "@executor-host/proto/shared/error";
import { appVersions, magicCookie } from "@executor-host/proto/shared/executor-link";
import type { Logger } from "../log/logger.ts";
import type { ExecutorProcessInfo, Survivor } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import type { Binary } from "./catalog.ts";
import type { ProcessGroup } from "./containment.ts";
import { executorEnvironment } from "./environment.ts";
import { HealthWatch } from "./health-watch.ts";
import type { Account } from "./isolation/accounts.ts";
import type { Confined } from "./isolation/isolation.ts";
import type { ExecutorLink } from "./link.ts";
import { DkronLink } from "./dkron-link.ts";
import { NativeLink } from "./native-link.ts";

export interface ProcessOptions {
  /** What it is started with. */
  readonly confined: Confined;
  /** What the file's sum must be; empty when anything will do. */
  readonly sha256: string;
  readonly runtimeDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly allowedEnvironment: readonly string[];
  /** Executors of Dkron's contract are spoken to without, as Dkron does. */
  readonly autoMtls: boolean;
  readonly startTimeoutMs: number;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
}

/** How an executor process ended, with what it left behind. */
export interface ProcessEnd {
  readonly exit: PluginExit;
  /** Started by the executor, and impossible to kill. */
  readonly survivors: readonly Survivor[];
}

/** What it took to end a process. */
export interface Ending {
  readonly steps: PluginExit["steps"];
  /** What could not be killed; the process itself, if that is it. */
  readonly survivors: readonly Survivor[];
}

/** One running executor. */
export class ExecutorProcess implements AsyncDisposable {
  readonly link: ExecutorLink;
  /** Processes from `pid` down to the executor's own: those of a wrapper that stay. */
  readonly parents: number;
  readonly startedMs = Date.now();
  /** Resolves when the process is gone, and everything it started with it unless it ended in order. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Aborts when the process does not answer and cannot be ended: whoever waits for it need not wait any longer. */
  readonly beyondReach: AbortSignal;
  readonly #health: HealthWatch;
  #isUnresponsive = false;
  #memoryKills = 0;
  readonly #plugin: PluginProcess;
  readonly #timeouts: Timeouts;
  readonly #log: Logger;
  #active = 0;
  #finished = 0;

  private constructor(
    plugin: PluginProcess,
    link: ExecutorLink,
    group: ProcessGroup,
    { timeouts, confined }: ProcessOptions,
    log: Logger,
  ) {
    this.parents = confined.parents;
    this.#plugin = plugin;
    this.#timeouts = timeouts;
    this.#log = log;
    this.link = link;
    const beyondReach = new AbortController();
    this.beyondReach = beyondReach.signal;
    this.#health = new HealthWatch({
      ask: (signal) => this.#ask(signal),
      intervalMs: timeouts.livenessAfterMs,
      limitMs: timeouts.livenessMs,
      onUnresponsive: () => void this.#giveUp(beyondReach),
    });
    void plugin.exited.then(() => this.#health[Symbol.dispose]());
    this.ended = plugin.exited.then(async (exit) => {
      this.#memoryKills = group.memoryKills();
      const inOrder = exit.expected && !this.#isUnresponsive && this.#active === 0;
      try {
        return { exit, survivors: inOrder ? await group.release() : await group.killAll() };
      } catch (error) {
        log.error("what an executor left behind could not be cleared away", { error: messageOf(error) });
        return { exit, survivors: [] };
      }
    });
  }

  /** @throws {HostError} any failure of the launch, with the process and everything it started gone */
  static async start(
    binary: Binary,
    group: ProcessGroup,
    options: ProcessOptions,
    signal: AbortSignal,
  ): Promise<ExecutorProcess> {
    const log = options.logger.child({ executor: binary.name });
    const { wrapper, runsAs } = options.confined;
    const launch = (autoMtls: boolean, versions = Object.values(appVersions)) =>
      launchPlugin({
        command: binary.path,
        wrapper,
        ...(runsAs && { runsAs }),
        env: {
          ...executorEnvironment(options.environment, options.allowedEnvironment, group.tag),
          ...(runsAs && homeOf(runsAs)),
        },
        magicCookie,
        ...(options.sha256 !== "" && { checksum: { algorithm: "sha256", hex: options.sha256 } }),
        appVersions: versions,
        autoMtls,
        runtimeDir: options.runtimeDir,
        startTimeoutMs: options.startTimeoutMs,
        afterSpawn: (pid) => group.add(pid),
        onLog: (entry) => forward(log, entry),
        onStdio: (channel, data) =>
          log.debug("executor output outside any execution", { channel, text: data.toString() }),
        signal,
      });
    let plugin: PluginProcess | undefined;
    try {
      plugin = await launch(options.autoMtls).catch((error: unknown) => {
        // go-plugin before 1.0 knows nothing of mutual TLS; only executors of Dkron's contract are that old.
        if (!options.autoMtls || !isHostError(error) || error.code !== "CERTIFICATE_INVALID") throw error;
        return undefined;
      });
      if (plugin === undefined || (options.autoMtls && plugin.appVersion === appVersions.dkron)) {
        // go-plugin before 1.4.4 cannot call back under mutual TLS, and such executors are in the field. The socket is private either way.
        await plugin?.kill();
        plugin = await launch(false, [appVersions.dkron]);
      }
      const link =
        plugin.appVersion === appVersions.dkron
          ? new DkronLink(plugin, binary.name)
          : await NativeLink.open(plugin.client(ExecutorServiceClient), {
              timeouts: options.timeouts,
              exited: plugin.exited,
            });
      return new ExecutorProcess(plugin, link, group, options, log);
    } catch (error) {
      await plugin?.kill();
      await group.killAll();
      throw error;
    }
  }

  get pid(): number {
    return this.#plugin.pid;
  }

  get exited(): Promise<PluginExit> {
    return this.#plugin.exited;
  }

  get hasExited(): boolean {
    return this.#plugin.hasExited;
  }

  /** Executions running in it. */
  get active(): number {
    return this.#active;
  }

  /** Where it can be connected to; undefined when that is no path. */
  get socketPath(): string | undefined {
    const { address } = this.#plugin;
    return address.network === "unix" ? address.path : undefined;
  }

  /** It was found not to answer though it was there, and was killed for that. */
  get isUnresponsive(): boolean {
    return this.#isUnresponsive;
  }

  get info(): ExecutorProcessInfo {
    return {
      pid: this.pid,
      startedMs: this.startedMs,
      activeExecutions: this.#active,
      finishedExecutions: this.#finished,
      lagMs: this.#health.lagMs,
    };
  }

  /** Something came from it. */
  touch(): void {
    this.#health.touch();
  }

  /** It is not expected to answer until the returned function is called: this host does not read what it writes. */
  excuse(): () => void {
    return this.#health.excuse();
  }

  /** One line about its end, if nobody asked for that. */
  describeEnd(exit: PluginExit): string {
    if (this.#isUnresponsive) return "stopped answering and was killed";
    // A wrapper tells of a signal by a code.
    const isKilled = exit.signal === "SIGKILL" || exit.code === codeOfSigkill;
    const why = isKilled && this.#memoryKills > 0 ? "its memory limit was reached: it " : "";
    return why + describeExit(exit);
  }

  enter(): void {
    this.#active += 1;
  }

  leave(): void {
    this.#active -= 1;
    this.#finished += 1;
  }

  /** Does it answer at all? */
  async isAlive(): Promise<boolean> {
    try {
      await this.#plugin.ping({ timeoutMs: this.#timeouts.livenessMs });
      return true;
    } catch {
      return false;
    }
  }

  /** Let it end in order; force after a while. Never rejects. */
  stop(options: StopOptions = { graceMs: this.#timeouts.executorStopMs }): Promise<Ending> {
    return this.#untilEnded(this.#plugin.stop(options));
  }

  /** End it now, with everything it started. Never rejects. */
  kill(): Promise<Ending> {
    return this.#untilEnded(this.#plugin.kill());
  }

  /** Any answer will do. @throws {HostError} when there is none */
  async #ask(signal: AbortSignal): Promise<void> {
    try {
      await this.#plugin.ping({ timeoutMs: Infinity, signal });
    } catch (error) {
      if (!isHostError(error) || error.code === "CONNECT_FAILED" || error.code === "PLUGIN_EXITED") throw error;
    }
  }

  /** It does not answer. Where nobody can end it, those who wait for it are told all the same. */
  async #giveUp(beyondReach: AbortController): Promise<void> {
    if (this.hasExited) return;
    this.#isUnresponsive = true;
    this.#log.error("executor process does not answer and is killed", {
      pid: this.pid,
      unansweredForMs: this.#timeouts.livenessMs,
      executions: this.#active,
    });
    await this.kill();
    if (!this.hasExited) beyondReach.abort();
  }

  async #untilEnded(asked: Promise<PluginExit>): Promise<Ending> {
    try {
      const { steps } = await asked;
      return { steps, survivors: (await this.ended).survivors };
    } catch (error) {
      this.#log.error("an executor's process cannot be ended", { pid: this.pid, error: messageOf(error) });
      return { steps: [], survivors: [{ pid: this.pid, command: this.link.description.name }] };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** One line about an end nobody asked for. */
function describeExit(exit: PluginExit): string {
  const how = exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`;
  const tail = exit.stderrTail.trim();
  return tail === "" ? how : `${how}; its last words: ${lastLines(tail)}`;
}

/** What a shell says of a child that was ended so. */
const codeOfSigkill = 137;

/** What an account's programs expect of their environment. */
function homeOf({ name, homeDir }: Account): Record<string, string> {
  return name === "" ? {} : { HOME: homeDir, USER: name, LOGNAME: name };
}

const lastWords = 5;

/** Go says why it panics first, and then where at length. */
function lastLines(text: string): string {
  const lines = text.split("\n");
  const panic = lines.findIndex((line) => /^(panic|fatal error): /.test(line));
  return (panic < 0 ? lines.slice(-lastWords) : lines.slice(panic, panic + 1)).join(" | ");
}

function forward(log: Logger, entry: LogEntry): void {
  const level = entry.level === "trace" ? "debug" : entry.level;
  log[level](entry.message, entry.fields);
}
