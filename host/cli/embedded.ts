import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { Host } from "../host.ts";
import { createLogger } from "../log/logger.ts";
import type { LoadedSettings, Settings } from "../settings/settings.ts";
import type { CliContext } from "./context.ts";
import { sweepAbandoned } from "./sweep-abandoned.ts";

/** A host for one command. */
export interface EmbeddedHost extends AsyncDisposable {
  readonly address: string;
}

/** Sockets of executors go below; their paths are limited. */
const maxBaseLength = 32;
const directoryPrefix = "executor-host-";

/**
 * Start a host for one command: on a private socket, with a journal of its own that goes with it, so that it never meets a running host.
 *
 * It keeps no log unless a level was asked for: the command's standard error belongs to the job, and what goes wrong comes back as an error.
 *
 * @throws {HostError} `SETTINGS_INVALID`, and what a host throws at its start
 */
export async function startEmbeddedHost(loaded: LoadedSettings, context: CliContext): Promise<EmbeddedHost> {
  const base = temporaryBase();
  const dir = await makeTemporaryDirectory(base);
  await using starting = new AsyncDisposableStack();
  starting.defer(() => rm(dir, { recursive: true, force: true }));
  const address = `unix:${join(dir, "host.sock")}`;
  const settings: Settings = { ...loaded.settings, stateDir: join(dir, "state"), runtimeDir: dir, listen: [address] };
  const { logLevel: level, logFormat: format } = settings;
  const stream = loaded.origins["log-level"] === "default" ? nowhere() : context.stderr.stream;
  const logger = createLogger({ stream, level, format, color: context.stderr.hasColor });
  starting.use(await Host.start(settings, { logger }));
  // Beside the command, which need not wait for it to begin.
  const sweeping = sweepAbandoned(base, directoryPrefix);
  starting.defer(() => sweeping);
  const parts = starting.move();
  return { address, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

function temporaryBase(): string {
  return tmpdir().length <= maxBaseLength ? tmpdir() : "/tmp";
}

/** @throws {HostError} `SETTINGS_INVALID` */
async function makeTemporaryDirectory(base: string): Promise<string> {
  try {
    return await mkdtemp(join(base, directoryPrefix));
  } catch (error) {
    throw new HostError("SETTINGS_INVALID", `cannot make a temporary directory in ${base}: ${messageOf(error)}`, {
      hint: "set TMPDIR to a directory that this user may write to",
      cause: error,
    });
  }
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
