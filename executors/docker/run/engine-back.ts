import { limits } from "../defaults.ts";
import { DockerFailure, isEngineGone, messageOf } from "../failure.ts";
import { pause } from "./pause.ts";
import type { DockerRun } from "./run.ts";

/** Do something with an engine that may be gone for a while. @throws {DockerFailure} `ENGINE_LOST` when it stays away */
export async function patiently<T>(run: DockerRun, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isEngineGone(error)) throw error;
      await engineBack(run, signal, error);
    }
  }
}

async function engineBack(
  { execution, engine, evidence }: DockerRun,
  signal: AbortSignal,
  cause: unknown,
): Promise<void> {
  const limitMs = execution.config.engine_timeout;
  const deadline = performance.now() + limitMs;
  execution.log.warn("the engine of a running container is gone", { engine: engine.name, error: messageOf(cause) });
  execution.progress({ message: `waiting for ${engine.name} to come back` });
  evidence["engineLosses"] = Number(evidence["engineLosses"] ?? 0) + 1;
  for (let waitMs: number = limits.reconnectMs; ; waitMs = Math.min(waitMs * 2, limits.maxReconnectMs)) {
    await pause(waitMs, signal);
    try {
      return await engine.ping(signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (performance.now() > deadline) {
        throw new DockerFailure(
          "ENGINE_LOST",
          `${engine.name} has been gone for ${limitMs / 1000}s: ${messageOf(error)}`,
          {
            hint: "the container may still run there; the same execution id finds it again",
            cause,
          },
        );
      }
    }
  }
}
