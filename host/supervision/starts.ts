import type { HostError } from "@executor-host/proto/shared/error";
import type { Logger } from "../log/logger.ts";
import type { Binary } from "./catalog.ts";
import type { ExecutorProcess } from "./executor-process.ts";
import { StartFailures, type BackoffLimits } from "./start-failures.ts";

export interface StartsOptions {
  /** Starts one more process. */
  start(): Promise<ExecutorProcess>;
  readonly backoff: BackoffLimits;
  readonly logger: Logger;
  onStarted(process: ExecutorProcess): void;
  /** A start is over, whatever came of it. */
  onSettled(): void;
}

/** The processes of one executor that are being started, and what is known of failed starts. */
export class Starts {
  readonly #path: string;
  readonly #options: StartsOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #failures: StartFailures;

  constructor({ name, path }: Binary, options: StartsOptions) {
    this.#path = path;
    this.#options = options;
    this.#failures = new StartFailures(name, options.backoff);
  }

  get count(): number {
    return this.#underWay.size;
  }

  /** Each rejects with the reason to tell those who wait for it. */
  get underWay(): ReadonlySet<Promise<void>> {
    return this.#underWay;
  }

  /** Why the last one failed, for people; empty when it did not. */
  get problem(): string {
    return this.#failures.problem;
  }

  /** Until the next may be tried. */
  get waitMs(): number {
    return this.#failures.waitMs;
  }

  /** It is clear without a try that a start would fail. */
  foresee(problem: HostError): void {
    this.#failures.foresee(problem);
  }

  /** Start one more. A failure is told to those who wait for it, and as the problem. */
  begin(): void {
    const starting = this.#start();
    this.#underWay.add(starting);
    const settled = () => {
      this.#underWay.delete(starting);
      this.#options.onSettled();
    };
    starting.then(settled, settled);
  }

  /** Resolves when all that are under way are over. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #start(): Promise<void> {
    this.#failures.assertNotTooEarly();
    let process: ExecutorProcess;
    try {
      process = await this.#options.start();
    } catch (error) {
      const failure = this.#failures.failed(error);
      this.#options.logger.error(failure.message, { hint: failure.hint, path: this.#path });
      throw failure;
    }
    this.#failures.succeeded();
    this.#options.onStarted(process);
  }
}
