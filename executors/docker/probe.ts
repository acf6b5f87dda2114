import type { ProbeContext, ProbeReport } from "@executor-host/sdk";

import type { Config } from "./config.ts";
import { DockerFailure } from "./failure.ts";
import type { Services } from "./services.ts";

/** Ask the engine who it is and whether it has the image. Nothing is pulled or made. */
export async function probe({ config, signal }: ProbeContext<Config>, { engines }: Services): Promise<ProbeReport> {
  try {
    const engine = await engines.of(config);
    await engine.ping(signal);
    const facts = await engine.facts();
    const hasImage = await engine.hasImage(config.image, signal);
    const info = await engine.info(signal);
    const said = `${facts.name} ${facts.version} on ${facts.platform} at ${engine.name}; ${hasImage ? "has" : "does not have"} ${config.image}`;
    const details = {
      version: facts.version,
      apiVersion: facts.apiVersion,
      platform: facts.platform,
      hasImage,
      ...picked(info, [
        "Driver",
        "CgroupVersion",
        "CgroupDriver",
        "ContainersRunning",
        "LiveRestoreEnabled",
        "NCPU",
        "MemTotal",
      ]),
    };
    if (!hasImage && config.pull === "never") return { ok: false, message: said, code: "IMAGE_NOT_FOUND", details };
    return { ok: true, message: said, details };
  } catch (error) {
    if (!(error instanceof DockerFailure)) throw error;
    const { message, code, hint } = error;
    return { ok: false, message, code, details: hint === undefined ? {} : { hint } };
  }
}

function picked(
  info: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): Record<string, string | number | boolean> {
  const entries = keys.flatMap((key) => {
    const value = info[key];
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return [];
    return [[key[0]!.toLowerCase() + key.slice(1), value] as const];
  });
  return Object.fromEntries(entries);
}
