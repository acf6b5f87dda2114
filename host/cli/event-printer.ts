import type { Event, EventBody } from "../client/types.ts";
import { escapeControls } from "../log/escape.ts";
import type { Result, Usage } from "../model/model.ts";
import { formatBytes } from "../settings/bytes.ts";
import { formatElapsed } from "../settings/duration.ts";
import type { CliContext } from "./context.ts";
import { limitsText, usageText } from "./execution-text.ts";
import { complain } from "./report-error.ts";
import { StatusLine } from "./status-line.ts";
import { words } from "./text.ts";
import { verdictOf } from "./verdict.ts";

export interface PrinterOptions {
  /** Output only: no verdict, no remarks. */
  readonly quiet: boolean;
  /** What runs, for people. */
  readonly subject: string;
}

const lineEnd = 0x0a;

type EventOf<Type extends EventBody["type"]> = Extract<Event, { type: Type }>;

/**
 * Shows an execution to people as it goes on: its output, byte by byte, where it belongs; then a verdict on standard error, on a terminal
 * always, otherwise unless it succeeded without a warning.
 */
export class EventPrinter implements Disposable {
  readonly #stdout: CliContext["stdout"];
  readonly #stderr: CliContext["stderr"];
  readonly #options: PrinterOptions;
  readonly #status: StatusLine;
  #firstMs: number | undefined;
  #hasOutput = false;
  /** What the job wrote last does not end with a line end. */
  #isLineOpen = false;

  constructor({ stdout, stderr }: CliContext, options: PrinterOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#options = options;
    this.#status = new StatusLine(stderr);
  }

  /** @throws {OutputClosedError} */
  async print(event: Event): Promise<void> {
    this.#firstMs ??= event.timeMs;
    switch (event.type) {
      case "output":
        return this.#printOutput(event);
      case "state":
        return this.#printState(event);
      case "progress":
        return this.#printProgress(event);
      case "usage":
        return this.#printUsage(event.usage);
      case "limitsChanged":
        return this.#printLimits(event);
      case "attemptFinished":
        return this.#printAttempt(event);
      case "outputDropped":
        return this.#remark(`output is missing here: ${droppedText(event)}`);
      case "result":
        return this.#printVerdict(event, event.result);
      case "started":
      case "unknown":
        return;
    }
  }

  [Symbol.dispose](): void {
    this.#status.clear();
  }

  async #printOutput({ channel, data }: EventOf<"output">): Promise<void> {
    this.#status.clear();
    this.#hasOutput = true;
    if (data.length > 0) this.#isLineOpen = data.at(-1) !== lineEnd;
    await (channel === "stdout" ? this.#stdout : this.#stderr).write(data);
  }

  /** A status line would stand in the way of output, so that it is shown before the first output only, and while the job is being stopped. */
  #printState({ state, reason }: EventOf<"state">): void {
    if (this.#hasOutput && state !== "CANCELLING") return;
    this.#status.set(reason === "" ? words(state) : `${words(state)}: ${reason}`);
  }

  #printProgress({ fraction, message }: EventOf<"progress">): void {
    if (this.#hasOutput) return;
    const percent = fraction === undefined ? "" : `${Math.round(fraction * 100)}% `;
    this.#status.set(`running: ${percent}${message}`);
  }

  /** The line goes away before more output; it must not cover output that waits for the end of its own line. */
  #printUsage(usage: Usage): void {
    if (this.#isLineOpen && this.#stdout.isTerminal) return;
    this.#status.set(`running: ${usageText(usage)}`);
  }

  async #printLimits({ limits, reason }: EventOf<"limitsChanged">): Promise<void> {
    if (!this.#stderr.isTerminal) return;
    await this.#remark(`its limits are now ${limitsText(limits)}${reason === "" ? "" : ` (${reason})`}`);
  }

  async #printAttempt({ attempt, result, nextAttemptInMs = 0 }: EventOf<"attemptFinished">): Promise<void> {
    if (!this.#stderr.isTerminal || result === undefined) return;
    const { headline } = verdictOf(result, `attempt ${attempt}`, undefined);
    await this.#remark(`${headline}; the next one in ${formatElapsed(nextAttemptInMs)}`);
  }

  async #printVerdict({ attempt, timeMs }: Event, result: Result): Promise<void> {
    this.#status.clear();
    if (this.#options.quiet) return;
    await this.#closeLine();
    const durationMs = attempt === 0 ? undefined : timeMs - (this.#firstMs ?? timeMs);
    const verdict = verdictOf(result, this.#options.subject, durationMs);
    if (!verdict.isGood) await complain(this.#stderr, { ...verdict, message: verdict.headline });
    else if (this.#stderr.isTerminal || verdict.details.length > 0) {
      const lines = [
        this.#stderr.style("green", escapeControls(verdict.headline)),
        ...verdict.details.map(escapeControls),
      ];
      await this.#stderr.line(lines.join("\n  "));
    }
  }

  async #remark(text: string): Promise<void> {
    this.#status.clear();
    await this.#closeLine();
    if (!this.#options.quiet)
      await this.#stderr.line(this.#stderr.style("dim", `executor-host: ${escapeControls(text)}`));
  }

  /** On a terminal, output and our own words share the screen. */
  async #closeLine(): Promise<void> {
    if (this.#isLineOpen && this.#stdout.isTerminal && this.#stderr.isTerminal) await this.#stderr.line();
    this.#isLineOpen = false;
  }
}

function droppedText({ stdoutBytes, stderrBytes }: EventOf<"outputDropped">): string {
  const parts = [
    ["stdout", stdoutBytes],
    ["stderr", stderrBytes],
  ] as const;
  return parts
    .filter(([, bytes]) => bytes > 0)
    .map(([channel, bytes]) => `${formatBytes(bytes)} of ${channel}`)
    .join(", ");
}
