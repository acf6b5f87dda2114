/**
 * Makes an executor of one TypeScript file, which may be anywhere: it finds the SDK in this checkout.
 *
 *   scripts/build-executor SOURCE.ts PLUGINS_DIR
 *
 * Writes PLUGINS_DIR/dkron-executor-NAME, with the name that the definition in SOURCE.ts says, and the bundle that it runs. Both need this
 * checkout to stay where it is. Types are not checked.
 */
import { execFileSync } from "node:child_process";
import { rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf } from "@executor-host/proto/shared/error";
import { bundle, nodeFlagsOf } from "./lib/bundle.ts";
import { replaceFile } from "./lib/replace-file.ts";
import { root } from "./lib/root.ts";

const [source, pluginsDir, ...others] = process.argv.slice(2);
if (source === undefined || pluginsDir === undefined || others.length > 0 || source.startsWith("-")) {
  console.error("usage: scripts/build-executor SOURCE.ts PLUGINS_DIR");
  process.exitCode = 64;
} else {
  await build(resolve(source), resolve(pluginsDir)).catch((error: unknown) => {
    // The details have been printed by whoever found them.
    console.error(`error: ${messageOf(error).split("\n", 1)[0]}`);
    process.exitCode = 1;
  });
}

async function build(entry: string, directory: string): Promise<void> {
  // Hidden, as a host lists every file whose name is like that of an executor.
  const unnamed = join(directory, `.new-${process.pid}.cjs`);
  try {
    await bundle(entry, unnamed);
    const name = nameOf(entry, unnamed);
    const bundled = join(directory, `.${name}.cjs`);
    await rename(unnamed, bundled);
    const path = join(directory, `dkron-executor-${name}`);
    await replaceFile(path, launcherOf(name, bundled), 0o755);
    console.log(path);
  } finally {
    await rm(unnamed, { force: true });
  }
}

/** The command line that runs a bundle. */
function commandOf(bundled: string): readonly [string, ...string[]] {
  return [
    join(root, "node_modules/node/bin/node"),
    ...nodeFlagsOf("executor"),
    join(root, "scripts/lib/boot.cjs"),
    bundled,
  ];
}

/** What the program calls itself. */
function nameOf(entry: string, bundled: string): string {
  const [node, ...args] = commandOf(bundled);
  try {
    const printed = execFileSync(node, [...args, "--describe"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    return (JSON.parse(printed) as { readonly name: string }).name;
  } catch (error) {
    throw new Error(`${entry} does not call serve() with the definition of an executor`, { cause: error });
  }
}

function launcherOf(name: string, bundled: string): string {
  const words = commandOf(bundled).map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`);
  return `#!/bin/sh\n# Runs ${name}. Written by scripts/build-executor.\nexec ${words.join(" ")} "$@"\n`;
}
