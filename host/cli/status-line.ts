import { escapeControls } from "../log/escape.ts";
import type { Output } from "./output.ts";
import { timeouts } from "./timeouts.ts";

const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏".split("");

/** One line at the bottom of a terminal that says what is going on. Nothing at all where there is no terminal. */
export class StatusLine implements Disposable {
  readonly #output: Output;
  #text = "";
  #frame = 0;
  #isShown = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Say this from now on, once it has gone on for a moment. */
  set(text: string): void {
    if (!this.#output.isTerminal) return;
    this.#text = escapeControls(text);
    if (this.#isShown) this.#draw();
    this.#timer ??= setTimeout(() => {
      this.#draw();
      this.#timer = setInterval(() => this.#draw(), timeouts.spinnerMs);
    }, timeouts.statusDelayMs);
  }

  /** Take it away, before anything else is written. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isShown) this.#output.stream.write("\r\u001b[K");
    this.#isShown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #draw(): void {
    const frame = frames[this.#frame++ % frames.length] ?? "";
    const text = this.#text.slice(0, Math.max(0, this.#output.columns - 3));
    this.#output.stream.write(`\r\u001b[K${this.#output.style("cyan", frame)} ${text}`);
    this.#isShown = true;
  }
}
