import { getSystemErrorMessage } from "node:util";
import { HostError, isHostError, messageOf } from "@executor-host/proto/shared/error";
import { limits, timeouts } from "../protocol/defaults.ts";
import { settledWithin } from "../protocol/wait.ts";
import { diagnose } from "./diagnosis.ts";
import { lastWords } from "./last-words.ts";
import type { PluginChild } from "./plugin-child.ts";
import { describeExit } from "./plugin-exit.ts";

/** What was to be executed. */
export interface LaunchAttempt {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A launch that failed after its process was started. */
export interface FailedLaunch extends LaunchAttempt {
  readonly child: PluginChild;
  /** The first line of stdout; undefined when there was none. */
  readonly line: string | undefined;
  /** Applied to everything that is shown. */
  readonly mask: (text: string) => string;
}

/**
 * End the process of a failed launch, and turn the failure into an error that a person can act on.
 *
 * The message gets the handshake line, the exit status and the end of stderr; the hint gets what is suspicious about the file.
 *
 * @param error a HostError is completed; anything else, such as an abort reason, comes back as it is
 */
export async function explainFailure(error: unknown, { child, file, env, line, mask }: FailedLaunch): Promise<unknown> {
  if (!isHostError(error)) {
    child.expectExit("launch given up");
    await child.kill();
    return error;
  }
  // Whoever prints a wrong line is often about to die of the same cause.
  const endedByItself = await settledWithin(child.ended, timeouts.settleMs);
  child.expectExit("launch failed");
  const exit = await child.kill();
  const words = lastWords(exit.stderrTail);
  const facts = [
    `cannot launch ${file}: ${error.message}`,
    ...(line === undefined ? [] : [`first line on stdout: ${JSON.stringify(line.slice(0, limits.quotedCharacters))}`]),
    endedByItself ? `process ${describeExit(exit)}` : "process was still running and has been killed",
    words === "" ? "nothing on stderr" : `stderr ended with:\n${words}`,
  ];
  const hints = [error.hint, ...(await diagnose(file, env))].filter((hint) => hint !== "");
  return new HostError(error.code, mask(facts.join("; ")), { hint: mask(hints.join("; ")), cause: error.cause });
}

/** The error for a process that could not even be started. */
export async function explainSpawnFailure(error: unknown, { file, env }: LaunchAttempt): Promise<HostError> {
  const hints = await diagnose(file, env);
  return new HostError("PLUGIN_SPAWN_FAILED", `cannot start ${file}: ${describeSpawnError(error)}`, {
    hint: hints.join("; "),
    cause: error,
  });
}

/** Without the path, which is that of a descriptor when the file was verified. */
function describeSpawnError(error: unknown): string {
  const { errno, code } = error as NodeJS.ErrnoException;
  return errno === undefined ? messageOf(error) : `${getSystemErrorMessage(errno)} (${code})`;
}
