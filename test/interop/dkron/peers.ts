import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { findGo } from "../../clients/go-client.ts";

/**
 * Releases of Dkron whose contract the peers here speak, on the versions of go-plugin and gRPC that the release itself was built with: one of each
 * name on the wire, and one in which a failure was a gRPC status.
 */
export const releases = {
  "v4.0.9": { modules: "go.mod", streams: true },
  "v3.2.7": { modules: "v3.2.7.mod", streams: true },
  "v2.0.6": { modules: "v2.0.6.mod", streams: false },
  "v1.1.1": { modules: "v1.1.1.mod", streams: false },
} as const;

export type Release = keyof typeof releases;

const go = await findGo();

/** The reason not to run tests against Go peers, as `node:test` takes it. Under CI there is none: Go must be there. */
export const skipWithoutGo = go === undefined && process.env["CI"] === undefined ? "skipped: go not found" : false;

/** Patience for a build that starts from nothing. */
export const buildGuard = { timeout: 400_000 } as const;

/**
 * Build the executor of a release, or an agent; Go itself knows what is up to date.
 *
 * @returns the program's path, in `dist/interop`
 * @throws when Go is not there or cannot build
 */
export async function buildPeer(program: "executor" | "agent", release: Release): Promise<string> {
  if (go === undefined) throw new Error("go not found, which CI must have");
  const directory = join(import.meta.dirname, "../../../dist/interop/dkron", release);
  mkdirSync(directory, { recursive: true });
  const path = join(directory, program);
  const flags = ["-modfile", releases[release].modules, "-ldflags", `-X main.era=${release}`];
  await promisify(execFile)(go, ["build", ...flags, "-o", path, `./${program}`], { cwd: import.meta.dirname });
  return path;
}
