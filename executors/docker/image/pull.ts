import { createInterface } from "node:readline";

import type { Execution } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import type { Engine } from "../engine/engine.ts";
import { engineFailure, refusalOf } from "../engine/engine-failure.ts";
import { DockerFailure, isEngineGone, messageOf } from "../failure.ts";
import { credentialsFor } from "./credentials.ts";
import { parseImage } from "./reference.ts";
import { PullProgress, type PullLine } from "./pull-progress.ts";

/**
 * Have the engine get a job's image, within `pull_timeout`, and tell how far it is. Engines themselves get a layer once that several ask for.
 *
 * @returns how long it took, in milliseconds
 * @throws {DockerFailure} why it cannot be had
 */
export async function pullImage(execution: Execution<Config>, engine: Engine): Promise<number> {
  const { config, signal } = execution;
  const startedMs = performance.now();
  const stop = new AbortController();
  const giveUp = (what: string): void =>
    stop.abort(
      new DockerFailure("PULL_TIMEOUT", `pulling ${config.image} ${what}`, {
        hint: "raise pull_timeout, or bring the image to the engine before",
      }),
    );
  const total = after(config.pull_timeout, () => giveUp(`took longer than ${config.pull_timeout / 1000}s`));
  const idle = after(config.pull_idle_timeout, () =>
    giveUp(`made no progress for ${config.pull_idle_timeout / 1000}s`),
  );
  try {
    await follow(execution, engine, AbortSignal.any([signal, stop.signal]), () => idle?.refresh());
    return performance.now() - startedMs;
  } catch (error) {
    if (stop.signal.aborted && !signal.aborted) throw stop.signal.reason;
    throw signal.aborted ? signal.reason : pullFailure(error, config.image, engine);
  } finally {
    clearTimeout(total);
    clearTimeout(idle);
  }
}

async function follow(
  { config, progress }: Execution<Config>,
  engine: Engine,
  signal: AbortSignal,
  alive: () => void,
): Promise<void> {
  progress({ message: `pulling ${config.image}` });
  const auth = await credentialsFor(config, signal);
  const stream = await engine.pull(parseImage(config.image).full, { platform: config.platform, auth }, signal);
  const state = new PullProgress();
  const listener = (): void => void stream.destroy(signal.reason as Error);
  signal.addEventListener("abort", listener, { once: true });
  try {
    let lastMs = 0;
    for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
      if (text.trim() === "") continue;
      alive();
      const line = JSON.parse(text) as PullLine;
      if (line.error !== undefined) throw new Error(line.error);
      state.add(line);
      if (performance.now() - lastMs < limits.pullProgressMs) continue;
      lastMs = performance.now();
      progress({ message: `pulling ${config.image}`, ...state.report() });
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", listener);
    stream.destroy();
  }
}

/** Texts of engines and registries, as there are no codes. */
const meanings: readonly (readonly [RegExp, "IMAGE_NOT_FOUND" | "REGISTRY_DENIED"])[] = [
  [
    /unauthorized|authentication required|denied|no basic auth|incorrect username or password|forbidden/i,
    "REGISTRY_DENIED",
  ],
  [
    /not found|manifest unknown|no such image|does not exist|no matching manifest|name unknown|invalid reference/i,
    "IMAGE_NOT_FOUND",
  ],
];

function pullFailure(error: unknown, image: string, engine: Engine): unknown {
  if (error instanceof DockerFailure) return error;
  const translated = engineFailure(error, engine.name);
  if (isEngineGone(translated)) return translated;
  const text = (refusalOf(error)?.message ?? messageOf(error)).trim();
  const code = meanings.find(([pattern]) => pattern.test(text))?.[1] ?? "PULL_FAILED";
  const hint =
    code === "REGISTRY_DENIED"
      ? "set registry_auth or registry_config; some registries also say so when there is no such image"
      : undefined;
  return new DockerFailure(code, `cannot pull ${image}: ${text}`, { hint, cause: error });
}

/** Zero or less means no limit. */
function after(durationMs: number, act: () => void): NodeJS.Timeout | undefined {
  return durationMs > 0 ? setTimeout(act, Math.min(durationMs, 2 ** 31 - 1)) : undefined;
}
