import { accessSync, constants, existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** What defaults depend on. Tests give their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where this software is installed; `plugins` in it holds its own executors. */
  readonly installDir: string;
  readonly isRoot: boolean;
  readonly homeDir: string;
  readonly workingDir: string;
  /** Where the machine's own settings file is. Default `/etc/executor-host`. */
  readonly systemDir: string;
  /** Log lines go to a terminal. */
  readonly isTerminal: boolean;
}

/** The surroundings of this process. */
export function surroundings(
  installDir: string,
  env: Surroundings["env"],
  given: Partial<Surroundings> = {},
): Surroundings {
  return {
    env,
    installDir,
    isRoot: process.getuid?.() === 0,
    homeDir: env["HOME"] ?? homedir(),
    workingDir: process.cwd(),
    systemDir: "/etc/executor-host",
    isTerminal: false,
    ...given,
  };
}

/** The installation's own plugins directory, then the machine's; only those that exist. */
export function defaultPluginsDirs({ installDir, systemDir }: Surroundings): readonly string[] {
  const all = [join(installDir, "plugins"), "/usr/lib/executor-host/plugins", join(systemDir, "plugins")];
  return all.filter((dir) => existsSync(dir));
}

/** Source: XDG Base Directory Specification, and file-hierarchy(7) for root. */
export function defaultStateDir({ isRoot, env, homeDir }: Surroundings): string {
  if (isRoot) return "/var/lib/executor-host";
  return join(absolute(env["XDG_STATE_HOME"]) ?? join(homeDir, ".local/state"), "executor-host");
}

/** A variable that names a directory which is not there, as after `su`, is passed over. */
export function defaultRuntimeDir({ isRoot, env }: Surroundings, stateDir: string): string {
  if (isRoot) return "/run/executor-host";
  const given = absolute(env["XDG_RUNTIME_DIR"]);
  return given !== undefined && isWritable(given) ? join(given, "executor-host") : join(stateDir, "run");
}

/** Places where the settings file is looked for; the first that exists is read. */
export function defaultConfigPaths({ env, homeDir, systemDir }: Surroundings): readonly string[] {
  const user = join(absolute(env["XDG_CONFIG_HOME"]) ?? join(homeDir, ".config"), "executor-host/config.yaml");
  return [user, join(systemDir, "config.yaml")];
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false; // The answer, not a failure.
  }
}
