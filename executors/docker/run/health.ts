import type { Execution } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import type { Engine } from "../engine/engine.ts";
import { isEngineGone } from "../failure.ts";
import { pause } from "./pause.ts";

/**
 * Watch a container's health.
 *
 * @returns why the container is not well: not healthy in time, or no longer; never, when it stays well
 * @throws `signal.reason`
 */
export async function firstTrouble(
  execution: Execution<Config>,
  engine: Engine,
  id: string,
  signal: AbortSignal,
): Promise<string> {
  const limitMs = execution.config.wait_healthy;
  const deadline = performance.now() + limitMs;
  let wasHealthy = false;
  for (;;) {
    const facts = await engine.inspect(id, signal).catch((error: unknown) => {
      if (!isEngineGone(error)) throw error;
      return undefined;
    });
    const health = facts?.State.Health;
    if (facts !== undefined && health === undefined) return "has no health check; set healthcheck";
    if (health?.Status === "unhealthy") return `is unhealthy${lastAnswer(health.Log)}`;
    if (health?.Status === "healthy" && !wasHealthy) {
      wasHealthy = true;
      execution.progress({ message: "healthy", details: { healthy: true } });
    }
    if (!wasHealthy && performance.now() > deadline)
      return `was not healthy within ${limitMs / 1000}s${lastAnswer(health?.Log)}`;
    await pause(limits.healthMs, signal);
  }
}

function lastAnswer(log: readonly { readonly Output: string }[] | null | undefined): string {
  const output = log?.at(-1)?.Output.trim().split("\n").at(-1) ?? "";
  return output === "" ? "" : `: ${output}`;
}
