import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@executor-host/proto/shared/error";
import { ApiServer } from "./api/server.ts";
import { Executions } from "./execution/executions.ts";
import { Slots } from "./execution/slots.ts";
import { Journal } from "./journal/journal.ts";
import type { Logger } from "./log/logger.ts";
import { ConfigChecks } from "./policy/config-check.ts";
import { allowPassage, makeDirectory } from "./settings/make-directory.ts";
import type { Settings } from "./settings/settings.ts";
import { Containment } from "./supervision/containment.ts";
import { Isolation } from "./supervision/isolation/isolation.ts";
import { Pins } from "./supervision/pins.ts";
import { Supervisor } from "./supervision/supervisor.ts";
import { timeouts, type Timeouts } from "./timeouts.ts";

export interface HostOptions {
  readonly logger: Logger;
  /** What executors' environments are drawn from. Default: this process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Other waits of executions and executors than those of the table. */
  readonly timeouts?: Partial<Timeouts>;
}

export interface DrainOptions {
  /** How long running executions may go on before they are stopped. Default: the setting. */
  readonly timeoutMs?: number;
  /** Stop them now. */
  readonly signal?: AbortSignal;
}

/** Short, as the paths of sockets must be. */
const socketsNameLength = 8;
/** Room for a request's other parts, and for a config that is too large to be refused with the name of its limit. */
const requestOverheadBytes = 16 * 1024 * 1024;

/** A host: journal, executors, executions and the doors to them. Parts start in the order of their dependencies and stop in the reverse. */
export class Host implements AsyncDisposable {
  /** Where it serves. */
  readonly addresses: readonly string[];
  readonly #parts: AsyncDisposableStack;
  readonly #executions: Executions;
  readonly #drainTimeoutMs: number;
  readonly #state: { draining: boolean };

  private constructor(parts: {
    stack: AsyncDisposableStack;
    api: ApiServer;
    executions: Executions;
    drainTimeoutMs: number;
    state: { draining: boolean };
  }) {
    this.#parts = parts.stack;
    this.#executions = parts.executions;
    this.#drainTimeoutMs = parts.drainTimeoutMs;
    this.#state = parts.state;
    this.addresses = parts.api.addresses;
  }

  /** @throws {HostError} `SETTINGS_INVALID`, `STATE_LOCKED`, `JOURNAL_FAILED`, `LISTEN_REFUSED`, `LISTEN_FAILED`; then nothing is left running */
  static async start(settings: Settings, options: HostOptions): Promise<Host> {
    const { logger } = options;
    const waits: Timeouts = { ...timeouts, livenessMs: settings.executorHangTimeoutMs, ...options.timeouts };
    await using starting = new AsyncDisposableStack();
    const { stateDir, runtimeDir } = settings;
    await makeDirectory(stateDir, "state-dir");
    await makeDirectory(runtimeDir, "runtime-dir");
    const journal = starting.use(await Journal.open({ stateDir, sync: settings.journalSync }));
    const { containment, leftovers } = await Containment.open(journal.instanceId, journal);
    starting.defer(() => containment.close());
    if (leftovers > 0) logger.warn("ended processes that an earlier host had left behind", { count: leftovers });
    // Sockets of this instance's executors only: what a killed host left there is of no use to anybody.
    const socketsDir = join(runtimeDir, journal.instanceId.slice(0, socketsNameLength));
    await rm(socketsDir, { recursive: true, force: true });
    starting.defer(() => rm(socketsDir, { recursive: true, force: true }));
    const isolation = new Isolation(settings.executorIsolation);
    await mkdir(socketsDir, { mode: 0o700 });
    // Whoever an executor runs as has to get to its own directory in there, and sees nothing on the way.
    if (isolation.hasUsers) for (const directory of [runtimeDir, socketsDir]) await allowPassage(directory);
    const supervisor = starting.use(
      new Supervisor({
        pluginsDirs: settings.pluginsDirs,
        runtimeDir: socketsDir,
        environment: options.environment ?? process.env,
        allowedEnvironment: settings.executorEnvironment,
        autoMtls: settings.autoMtls,
        startTimeoutMs: settings.executorStartTimeoutMs,
        poolLimits: {
          warm: settings.executorWarm,
          maxProcesses: settings.executorMaxProcesses,
          idleStopMs: settings.executorIdleStopMs,
          recycleAfter: settings.executorRecycleAfter,
          maxAgeMs: settings.executorMaxAgeMs,
          maxMemoryBytes: settings.executorMaxMemoryBytes,
          crashLimit: settings.executorCrashLimit,
        },
        isolation,
        pins: new Pins(settings.executorPins, settings.requirePins),
        containment,
        timeouts: waits,
        logger,
      }),
    );
    await supervisor.refresh();
    supervisor.watch();
    const executions = new Executions({
      journal,
      supervisor,
      slots: new Slots({
        perHost: settings.maxConcurrentExecutions,
        perExecutor: settings.maxConcurrentPerExecutor,
        maxWaiting: settings.maxQueuedExecutions,
      }),
      configChecks: new ConfigChecks(),
      limits: { ...settings.limits, maxOutputBytes: settings.maxOutputBytes },
      usageIntervalMs: settings.usageIntervalMs,
      maxConfigBytes: settings.maxConfigBytes,
      timeouts: waits,
      logger,
    });
    const { resumed, closed } = await executions.recover();
    if (closed > 0) logger.warn("closed executions that an earlier host had left unfinished", { count: closed });
    if (resumed > 0) logger.info("goes on with executions that an earlier host had left running", { count: resumed });
    starting.defer(() => executions.drain({ timeoutMs: 0 }));
    const state = { draining: false };
    const api = starting.use(
      await ApiServer.start({
        executions,
        supervisor,
        logger,
        addresses: settings.listen,
        maxRequestBytes: settings.maxConfigBytes + requestOverheadBytes,
        readiness: { isReady: (service) => isReady(service, state.draining, supervisor) },
      }),
    );
    starting.adopt(pruneRegularly(journal, settings, logger), (timer) => clearInterval(timer));
    return new Host({ stack: starting.move(), api, executions, drainTimeoutMs: settings.drainTimeoutMs, state });
  }

  /** Take no new executions and let the running ones finish; watchers are served until the host is disposed of. */
  async drain(options: DrainOptions = {}): Promise<void> {
    this.#state.draining = true;
    await this.#executions.drain({ timeoutMs: options.timeoutMs ?? this.#drainTimeoutMs, signal: options.signal });
  }

  /** Stop whatever still runs, and end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state.draining = true;
    await this.#parts.disposeAsync();
  }
}

const executorServicePrefix = "executor/";

function isReady(service: string, draining: boolean, supervisor: Supervisor): boolean | undefined {
  if (service === "" || service === "host.v1.HostService") return !draining;
  if (!service.startsWith(executorServicePrefix)) return undefined;
  const name = service.slice(executorServicePrefix.length);
  const executor = supervisor.list().executors.find((candidate) => candidate.name === name);
  return executor && !draining && executor.state !== "FAILED";
}

function pruneRegularly(journal: Journal, settings: Settings, logger: Logger): NodeJS.Timeout {
  const prune = async () => {
    try {
      const removed = await journal.prune(Date.now() - settings.retentionMs, settings.retentionMaxBytes);
      if (removed > 0) logger.info("forgot old executions", { count: removed });
    } catch (error) {
      logger.error("old executions could not be removed", { error: messageOf(error) });
    }
  };
  void prune();
  const timer = setInterval(() => void prune(), timeouts.pruneIntervalMs);
  timer.unref();
  return timer;
}
