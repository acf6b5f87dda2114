import { execFile, execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../..");

/** Where Go's own installer puts it, for machines that do not have it in PATH. */
const usualPlace = "/usr/local/go/bin/go";

/** Peers made with Go's go-plugin, built. */
export interface GoPeers {
  readonly plugin: string;
  readonly host: string;
  /** A peer of the transport alone, made with hashicorp/yamux. */
  readonly yamux: string;
  /** Made with go-plugin 1.0.1. */
  readonly oldPlugin: string;
  readonly oldHost: string;
}

/**
 * The reason not to run tests against Go peers, as `node:test` takes it. Under CI there is none: Go must be there.
 */
export function skipWithoutGo(): string | false {
  if (findGo() !== undefined || process.env["CI"] !== undefined) return false;
  return "skipped: go not found";
}

/**
 * Build the peers of `test/interop` into `dist/interop`; Go itself knows what is up to date.
 *
 * @throws when Go is not there or cannot build
 */
export async function buildGoPeers(): Promise<GoPeers> {
  const go = findGo();
  if (go === undefined) throw new Error("go not found, which CI must have");
  const build = async (name: string, ...packages: string[]): Promise<string> => {
    const directory = join(root, "dist/interop", name);
    mkdirSync(directory, { recursive: true });
    // One after the other: a program that another test file runs already cannot be written.
    await promisify(execFile)("flock", [directory, go, "build", "-o", `${directory}/`, ...packages], {
      cwd: join(root, "test/interop", name),
    });
    return directory;
  };
  const current = await build("go-plugin", "./plugin", "./host", "./yamux");
  const old = await build("go-plugin-1.0", ".", "./host");
  return {
    plugin: join(current, "plugin"),
    host: join(current, "host"),
    yamux: join(current, "yamux"),
    oldPlugin: join(old, "goplugin10"),
    oldHost: join(old, "host"),
  };
}

function findGo(): string | undefined {
  return ["go", usualPlace].find((command) => {
    try {
      execFileSync(command, ["version"], { stdio: "ignore" });
      return true;
    } catch {
      // Not here: perhaps in the next place.
      return false;
    }
  });
}
