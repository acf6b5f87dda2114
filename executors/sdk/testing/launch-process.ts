import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchPlugin, type PluginProcess } from "@executor-host/goplugin/client";
import { magicCookie } from "@executor-host/proto/shared/executor-link";
import { LogBook } from "./log-book.ts";

/** What to launch: a path, or a command line. Scripts run under this Node. */
export type Command = string | { readonly command: string; readonly args?: readonly string[] };

export interface LaunchProcessOptions {
  /** The executor's whole environment; default only PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a fresh directory under the system's temporary one, removed at the end. */
  readonly runtimeDir?: string;
  /** Default true. */
  readonly autoMtls?: boolean;
  readonly signal?: AbortSignal;
}

/** An executor's process and what it logs. Disposing of it stops the process and removes what was made for it. */
export interface LaunchedProcess extends AsyncDisposable {
  readonly plugin: PluginProcess;
  readonly logs: LogBook;
}

export async function launchProcess(
  command: Command,
  appVersion: number,
  options: LaunchProcessOptions,
): Promise<LaunchedProcess> {
  const logs = new LogBook();
  await using cleanUp = new AsyncDisposableStack();
  const runtimeDir = options.runtimeDir ?? (await mkdtemp(join(tmpdir(), "sdk-")));
  if (options.runtimeDir === undefined) cleanUp.defer(() => rm(runtimeDir, { recursive: true, force: true }));
  const plugin = await launchPlugin({
    ...commandLine(command),
    env: options.env ?? { PATH: process.env["PATH"] ?? "" },
    magicCookie,
    appVersions: [appVersion],
    autoMtls: options.autoMtls ?? true,
    runtimeDir,
    onLog: (entry) => logs.add(entry),
    ...(options.signal && { signal: options.signal }),
  });
  cleanUp.use(plugin);
  void plugin.exited.then(() => logs.end());
  const resources = cleanUp.move();
  return { plugin, logs, [Symbol.asyncDispose]: async () => await resources.disposeAsync() };
}

function commandLine(command: Command): { command: string; args: readonly string[] } {
  if (typeof command !== "string") return { command: command.command, args: command.args ?? [] };
  if (/\.[cm]?[jt]s$/.test(command)) return { command: process.execPath, args: [command] };
  return { command, args: [] };
}
