import type { Report } from "../definition/report.ts";
import type { ExecutionEvent } from "../runtime/event.ts";
import type { Run } from "./run.ts";

/** Keeps the events of one execution, and wakes those who wait for one. */
export class RunRecorder {
  readonly events: ExecutionEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #over = false;

  /** @returns true, as a sink does that is never full */
  add(event: ExecutionEvent): boolean {
    // The data of an output is only lent.
    this.events.push(event.type === "output" ? { ...event, data: Buffer.from(event.data) } : event);
    if (event.type === "result") this.#over = true;
    this.#wake();
    return true;
  }

  /** No more events will come. */
  end(): void {
    this.#over = true;
    this.#wake();
  }

  async waitForStarted(): Promise<{ readonly target: string }> {
    const started = await this.#waitFor("started", () => this.events.find((event) => event.type === "started"));
    return { target: started.target };
  }

  async waitForOutput(text: string): Promise<void> {
    await this.#waitFor(`output ${JSON.stringify(text)}`, () => (this.output().includes(text) ? true : undefined));
  }

  async waitFor(matches: (event: ExecutionEvent) => boolean): Promise<ExecutionEvent> {
    return await this.#waitFor("a matching event", () => this.events.find(matches));
  }

  output(channel?: "stdout" | "stderr"): Buffer {
    const pieces: Uint8Array[] = [];
    for (const event of this.events) {
      if (event.type === "output" && (channel === undefined || event.channel === channel)) pieces.push(event.data);
    }
    return Buffer.concat(pieces);
  }

  run(report: Report): Run {
    return {
      report,
      stdout: this.output("stdout"),
      stderr: this.output("stderr"),
      output: this.output(),
      events: this.events,
    };
  }

  async #waitFor<T>(what: string, find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#over)
        throw new Error(`the execution ended without ${what}; output: ${JSON.stringify(this.output().toString())}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
