import type { Readable } from "node:stream";

import { limits } from "../defaults.ts";
import type { OutputRelay } from "../output/relay.ts";
import { DockerFailure, isEngineGone, messageOf } from "../failure.ts";
import { patiently } from "./engine-back.ts";
import { within } from "./pause.ts";
import type { DockerRun } from "./run.ts";

/** A container that runs, or has run. */
export interface Followed {
  readonly run: DockerRun;
  readonly id: string;
  readonly relay: OutputRelay;
  /** Its output from before its start on. Undefined: it was found, and only the log has everything. */
  readonly live: Readable | undefined;
  /** Aborts when nobody wants to know any more. */
  readonly signal: AbortSignal;
}

/**
 * Pass on a container's output until it has ended, across losses of the connection and of the engine.
 *
 * @returns its exit code
 * @throws {DockerFailure} `ENGINE_LOST`, `CONTAINER_GONE`
 */
export async function followToEnd(followed: Followed): Promise<number> {
  const { run, id, signal } = followed;
  let live = followed.live;
  return await patiently(run, signal, async () => {
    const connection = new AbortController();
    const first = live;
    live = undefined;
    try {
      return await followOnce({ ...followed, live: first, signal: AbortSignal.any([signal, connection.signal]) });
    } catch (error) {
      if (!isEngineGone(error) && (await run.engine.inspect(id, signal)) === undefined) {
        throw new DockerFailure("CONTAINER_GONE", "the container was removed while it was running", { cause: error });
      }
      throw error;
    } finally {
      connection.abort();
    }
  });
}

async function followOnce({ run, id, relay, live, signal }: Followed): Promise<number> {
  const { engine } = run;
  const exit = engine.wait(id, signal);
  exit.catch(() => undefined);
  const passLog = async (follow: boolean) =>
    passUntilExit(await engine.logs(id, follow, signal), "log", relay, exit, engine.name);
  if (live !== undefined) {
    const ended = await passUntilExit(live, "live", relay, exit, engine.name);
    const code = ended === "ended" ? await exitCode(run, id, exit, signal) : undefined;
    if (code !== undefined) return code;
    // Its output was let go of, or closed by the container, which goes on; or the connection was cut, and what follows rejects.
  }
  for (;;) {
    let ended = await passLog(true);
    const code = await exitCode(run, id, exit, signal);
    if (code === undefined) continue;
    // Once a container has ended, Docker soon cuts short what it still sends to a slow follower. The log itself is whole.
    if (relay.wasHeldUp) ended = await passLog(false);
    if (ended === "silent")
      run.execution.warn("the engine's log of the container did not end; its last bytes may be missing");
    return code;
  }
}

/** @returns undefined: it runs on, although its output has ended */
async function exitCode(
  { engine }: DockerRun,
  id: string,
  exit: Promise<number>,
  signal: AbortSignal,
): Promise<number | undefined> {
  const code = await within(exit, limits.exitLagMs);
  if (code !== undefined) return code;
  // Podman does not tell everybody who waits.
  const { Status, ExitCode } = (await engine.inspect(id, signal))?.State ?? {};
  return Status === "exited" || Status === "stopped" || Status === "dead" ? ExitCode : undefined;
}

/** @returns "silent": the container has ended, its output has not, and nothing comes any more */
async function passUntilExit(
  source: Readable,
  kind: "live" | "log",
  relay: OutputRelay,
  exit: Promise<number>,
  engine: string,
): Promise<"ended" | "stalled" | "silent"> {
  let timer: NodeJS.Timeout | undefined;
  let isSilent = false;
  const arm = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // Whoever receives the output may take as long as it likes.
      if (!relay.isWaitingForSource) return arm();
      isSilent = true;
      source.destroy();
    }, limits.outputEndMs);
  };
  let isOver = false;
  exit.then(
    () => isOver || arm(),
    (error: Error) => source.destroy(error),
  );
  try {
    return await relay.pass(source, kind, () => timer?.refresh());
  } catch (error) {
    if (isSilent) return "silent";
    if (error instanceof DockerFailure) throw error;
    if ((error as Error).name === "AbortError") throw error;
    throw new DockerFailure("ENGINE_UNREACHABLE", `${engine} broke off the container's output: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    isOver = true;
    clearTimeout(timer);
    source.destroy();
  }
}
