import type { LogEntry, PluginProcess } from "@executor-host/goplugin/client";
import { launchPlugin } from "@executor-host/goplugin/client";
import { ExecutorServiceClient } from "@executor-host/proto/executor";
import { isHostError } from "@executor-host/proto/shared/error";
import { appVersions, magicCookie } from "@executor-host/proto/shared/executor-link";
import type { Logger } from "../log/logger.ts";
import type { Timeouts } from "../timeouts.ts";
import type { Binary } from "./catalog.ts";
import type { ProcessGroup } from "./containment.ts";
import { DkronLink } from "./dkron-link.ts";
import { executorEnvironment } from "./environment.ts";
import type { Account } from "./isolation/accounts.ts";
import type { Confined } from "./isolation/isolation.ts";
import type { ExecutorLink } from "./link.ts";
import { NativeLink } from "./native-link.ts";

export interface LaunchOptions {
  /** What it is started with. */
  readonly confined: Confined;
  /** What the file's sum must be; empty when anything will do. */
  readonly sha256: string;
  readonly runtimeDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly allowedEnvironment: readonly string[];
  /** Executors of Dkron's contract are spoken to without, as Dkron does. */
  readonly autoMtls: boolean;
  readonly startTimeoutMs: number;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
}

/** A process that serves, and what it is spoken to through. */
export interface Launched {
  readonly plugin: PluginProcess;
  readonly link: ExecutorLink;
}

/**
 * Start an executor's process, and agree with it on a contract.
 *
 * @throws {HostError} any failure of the launch, with the process and everything it started gone
 */
export async function launchExecutor(
  binary: Binary,
  group: ProcessGroup,
  options: LaunchOptions,
  signal: AbortSignal,
): Promise<Launched> {
  const { autoMtls, timeouts } = options;
  let plugin: PluginProcess | undefined;
  try {
    const launch = launcherOf(binary, group, options, signal);
    plugin = await launch(autoMtls).catch((error: unknown) => {
      // go-plugin before 1.0 knows nothing of mutual TLS; only executors of Dkron's contract are that old.
      if (!autoMtls || !isHostError(error) || error.code !== "CERTIFICATE_INVALID") throw error;
      return undefined;
    });
    if (plugin === undefined || (autoMtls && plugin.appVersion === appVersions.dkron)) {
      // go-plugin before 1.4.4 cannot call back under mutual TLS, and such executors are in the field. The socket is private either way.
      await plugin?.kill();
      plugin = await launch(false, [appVersions.dkron]);
    }
    const { exited, appVersion } = plugin;
    const link =
      appVersion === appVersions.dkron
        ? new DkronLink(plugin, binary.name)
        : await NativeLink.open(plugin.client(ExecutorServiceClient), { timeouts, exited });
    return { plugin, link };
  } catch (error) {
    await plugin?.kill();
    await group.killAll();
    throw error;
  }
}

type Launcher = (autoMtls: boolean, versions?: readonly number[]) => Promise<PluginProcess>;

function launcherOf(binary: Binary, group: ProcessGroup, options: LaunchOptions, signal: AbortSignal): Launcher {
  const { confined, sha256, environment, allowedEnvironment, runtimeDir, startTimeoutMs } = options;
  const { wrapper, runsAs } = confined;
  const log = options.logger.child({ executor: binary.name });
  return (autoMtls, versions = Object.values(appVersions)) =>
    launchPlugin({
      command: binary.path,
      wrapper,
      ...(runsAs && { runsAs }),
      env: { ...executorEnvironment(environment, allowedEnvironment, group.tag), ...(runsAs && homeOf(runsAs)) },
      magicCookie,
      ...(sha256 !== "" && { checksum: { algorithm: "sha256", hex: sha256 } }),
      appVersions: versions,
      autoMtls,
      runtimeDir,
      startTimeoutMs,
      afterSpawn: (pid) => group.add(pid),
      onLog: (entry) => forward(log, entry),
      onStdio: (channel, data) =>
        log.debug("executor output outside any execution", { channel, text: data.toString() }),
      signal,
    });
}

/** What an account's programs expect of their environment. */
function homeOf({ name, homeDir }: Account): Record<string, string> {
  return name === "" ? {} : { HOME: homeDir, USER: name, LOGNAME: name };
}

function forward(log: Logger, entry: LogEntry): void {
  const level = entry.level === "trace" ? "debug" : entry.level;
  log[level](entry.message, entry.fields);
}
