import type { Duplex } from "node:stream";
import { limits } from "../../defaults.ts";
import { launcherDone, launchStepNames, type LaunchStep } from "./launcher.ts";

/** At which step a launcher failed, and what it had to say about it. */
export interface LauncherProblem {
  readonly step: LaunchStep;
  readonly message: string;
}

/** This executor's end of the socket to a launcher. */
export class LauncherLink {
  /** Undefined when the job's own program has been started. Never rejects. */
  readonly problem: Promise<LauncherProblem | undefined>;
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.problem = new Promise((resolve) => {
      let text = "";
      socket.on("data", (chunk: Buffer) => {
        text = (text + chunk.toString("utf8")).slice(0, limits.launcherMessageBytes);
        if (text.endsWith(`${launcherDone}\n`)) resolve(undefined);
      });
      // A reset is followed by "close".
      socket.on("error", () => {});
      socket.once("close", () => resolve(parseProblem(text)));
    });
  }

  /** Everything is in place: let the launcher go on. */
  go(): void {
    this.#socket.write("go\n");
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Lines that name a step, then the words of the shell or the helper that failed. */
function parseProblem(text: string): LauncherProblem {
  const lines = text.trim().split("\n");
  const isStep = (line: string): line is LaunchStep => launchStepNames.some((name) => name === line);
  const message = lines
    .filter((line) => !isStep(line) && line !== "")
    // Shells name themselves and the line of their script.
    .map((line) => line.replace(/^launcher: (?:line )?\d+: /, ""))
    .join("; ");
  return { step: lines.findLast(isStep) ?? "go", message: message || "the launcher ended before it was done" };
}
