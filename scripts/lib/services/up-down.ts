import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@executor-host/proto/shared/error";
import {
  cacheDirOf,
  readRecord,
  removeRecord,
  startTimeOf,
  writeRecord,
  type ServiceProcess,
  type ServiceRecord,
} from "./record.ts";
import type { Service, ServiceContext } from "./service.ts";

const timeouts = {
  /** To bring what a service needs and to start it. */
  upMs: 600_000,
  /** From SIGTERM to SIGKILL. */
  graceMs: 15_000,
  /** From SIGKILL to giving up. */
  killMs: 5_000,
  pollMs: 50,
};

/** @returns whether the service's programs run; a record of others is out of date */
export function isUp(name: string): boolean {
  const record = readRecord(name);
  if (record === undefined || "problem" in record) return false;
  return record.processes.every(isAlive);
}

/**
 * Bring a service up, unless it is.
 *
 * @returns whether it was started by this call
 * @throws {Error} what is missing, or what went wrong; nothing of it is left then
 */
export async function up(service: Service, log: (line: string) => void, signal?: AbortSignal): Promise<boolean> {
  if (isUp(service.name)) return false;
  await down(service);
  // Not where the caller's TMPDIR says: a socket's path may not be longer than about a hundred characters.
  const directory = mkdtempSync(`/tmp/eh-${service.name}-`);
  const processes: ServiceProcess[] = [];
  const limit = AbortSignal.timeout(timeouts.upMs);
  const context: ServiceContext = {
    directory,
    cacheDir: cacheDirOf(service.name),
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    log,
    spawn(name, command, args, env) {
      const started = start({ command, args, env, log: join(directory, `${name}.log`) });
      processes.push(started);
      // Noted at once, so that an interrupted start can be cleaned up, too.
      writeRecord(service.name, { endpoints: {}, directory, processes });
      return started.pid;
    },
  };
  try {
    await service.install(context);
    const { endpoints } = await service.start(context);
    writeRecord(service.name, { endpoints, directory, processes });
    return true;
  } catch (error) {
    await take({ endpoints: {}, directory, processes }, service);
    writeRecord(service.name, { problem: messageOf(error) });
    throw error;
  }
}

/** End a service, and remove all but what it may use next time. */
export async function down(service: Service): Promise<void> {
  const record = readRecord(service.name);
  if (record !== undefined && !("problem" in record)) await take(record, service);
  removeRecord(service.name);
}

async function take(record: Exclude<ServiceRecord, { problem: string }>, service: Service): Promise<void> {
  await service.stop?.(record.directory);
  const alive = record.processes.filter(isAlive);
  signalAll(alive, "SIGTERM");
  if (!(await allEnd(alive, timeouts.graceMs))) {
    signalAll(alive, "SIGKILL");
    await allEnd(alive, timeouts.killMs);
  }
  // What was mounted in it may take a moment to go.
  rmSync(record.directory, { recursive: true, force: true, maxRetries: 10 });
}

interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly log: string;
}

function start({ command, args, env, log }: Start): ServiceProcess {
  const output = openSync(log, "a");
  try {
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", output, output],
      env: { ...process.env, ...env },
    });
    child.unref();
    // Told by the missing process id below; without a listener it would end this program.
    child.on("error", () => undefined);
    const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid);
    if (child.pid === undefined || startTime === undefined) throw new Error(`cannot start ${command}: see ${log}`);
    return { pid: child.pid, startTime };
  } finally {
    closeSync(output);
  }
}

function isAlive({ pid, startTime }: ServiceProcess): boolean {
  return startTimeOf(pid) === startTime;
}

function signalAll(processes: readonly ServiceProcess[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(-pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

async function allEnd(processes: readonly ServiceProcess[], limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (processes.some(hasGroup)) {
    if (Date.now() > deadline) return false;
    await sleep(timeouts.pollMs);
  }
  return true;
}

/** The leader may be gone while others of its group still run. */
function hasGroup({ pid }: ServiceProcess): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}
