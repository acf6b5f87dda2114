/**
 * Builds what a checkout runs as binaries: for each target a bundle, its V8 code cache and a launcher.
 *
 *   dist/bin/executor-host                 the host's command
 *   dist/plugins/dkron-executor-NAME       one per executor, for this host and for Dkron
 *   dist/lib                               what the launchers run, the native supervisor of shell jobs, and the templates of `executor-host new`
 *
 * With `--quiet` it speaks only of what failed. Every file is replaced in one step, so that a host may run from `dist` meanwhile.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@executor-host/proto/shared/error";
import { bundle } from "./lib/bundle.ts";
import { writeCodeCache } from "./lib/code-cache.ts";
import { launcherOf } from "./lib/launcher.ts";
import { replaceFile } from "./lib/replace-file.ts";
import { root } from "./lib/root.ts";
import { buildSupervisor, supervisorPath } from "./lib/supervisor.ts";
import { findTargets, type Target } from "./lib/targets.ts";
import { packTemplates } from "./lib/templates.ts";
import { templatesPath } from "../host/scaffold/templates.ts";

const dist = join(root, "dist");
const startedMs = performance.now();
const targets = findTargets();
const isQuiet = process.argv.includes("--quiet");

await replaceFile(join(dist, "lib/boot.cjs"), await readFile(join(root, "scripts/lib/boot.cjs")));
await removeStale();
const others = Promise.allSettled([buildTemplates()]);
// Before the executors, as the shell executor is run for its code cache.
const supervisor = await Promise.allSettled([compileSupervisor()]);
const executors = await Promise.allSettled(targets.filter(({ kind }) => kind === "executor").map(buildTarget));
// After them, as it runs one of their jobs for its code cache.
const command = await Promise.allSettled(targets.filter(({ kind }) => kind === "command").map(buildTarget));
report([...executors, ...command, ...supervisor, ...(await others)]);

/** @returns a line for people */
async function buildTarget(target: Target): Promise<string> {
  const made = await bundle(target.entry, join(dist, target.bundle));
  const cacheBytes = await writeCodeCache(target, made, dist);
  await replaceFile(join(dist, target.launcher), launcherOf(target), 0o755);
  const sizes = `${kilobytes(made.bytes)} + ${kilobytes(cacheBytes)} code cache`;
  return `dist/${target.launcher.padEnd(32)} ${sizes}; contains ${made.packages.join(", ")}`;
}

/** @returns a line for people */
async function buildTemplates(): Promise<string> {
  const content = JSON.stringify(await packTemplates());
  await replaceFile(join(dist, templatesPath), content);
  return `dist/${templatesPath.padEnd(32)} ${kilobytes(content.length)}`;
}

/** @returns a line for people */
async function compileSupervisor(): Promise<string> {
  const problem = await buildSupervisor(dist);
  const path = `dist/${supervisorPath.padEnd(32)}`;
  return problem === undefined ? `${path} compiled` : `${path} left out, shell jobs do without: ${problem}`;
}

/** An executor that was renamed or removed must not stay in the plugins directory, where a host would find it. */
async function removeStale(): Promise<void> {
  const wanted = new Set([
    supervisorPath,
    ...targets.flatMap((target) => [target.bundle, `${target.bundle}.cache`, target.launcher]),
  ]);
  for (const directory of ["plugins", "lib/executors"]) {
    for (const name of await readdir(join(dist, directory)).catch(() => [])) {
      // Hidden files are in the making, by another build.
      if (!wanted.has(`${directory}/${name}`) && !name.startsWith(".")) {
        await rm(join(dist, directory, name), { force: true });
      }
    }
  }
}

function report(results: readonly PromiseSettledResult<string>[]): void {
  for (const [index, result] of results.entries()) {
    if (result.status === "rejected")
      console.error(`${targets[index]?.name ?? "beside the programs"}: ${messageOf(result.reason)}`);
    else if (!isQuiet) console.log(result.value);
  }
  const failed = results.filter(({ status }) => status === "rejected").length;
  const elapsedS = ((performance.now() - startedMs) / 1000).toFixed(1);
  if (!isQuiet) console.log(`${results.length - failed} of ${results.length} things built in ${elapsedS} s`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1000)} kB`;
}
