import type { JsonObject } from "../config/json.ts";
import type { Execution } from "../definition/execution.ts";
import type { Report } from "../definition/report.ts";
import { reportOfThrown, type FailureMaker } from "./failure.ts";
import { limited } from "./time-limit.ts";

/** One execution on its way: what is done, and what is known of it should it stop here. */
export interface Work<C> {
  readonly execution: Execution<C>;
  /** Aborts when the execution shall stop, and when its time is up. */
  readonly signal: AbortSignal;
  /** When that is, as things stand, in milliseconds since the epoch; Infinity without a limit. */
  readonly endMs: number;
  /**
   * Pass `endMs` on to the target, which keeps to it until this is disposed of.
   *
   * @returns the end to tell it
   */
  tellEnd(): Disposable & { readonly endMs: number };
  /** What a stop would interrupt. */
  phase: string;
  /** To be set before anything is sent; unset means unknown. */
  effect: Report["effect"];
  /** Doing all of it again does no harm, whatever has been done. */
  isRepeatable: boolean;
  evidence: JsonObject;
}

export interface WorkOptions {
  readonly fail: FailureMaker<"TIMEOUT_TOTAL">;
  /** What follows from an effect that is not known, for people. */
  readonly unknownEffect: string;
}

/** Do the work of an execution within its key `timeout` and the host's deadline, and report what has come of it. */
export async function carryOut<C extends { readonly timeout: number }>(
  execution: Execution<C>,
  { fail, unknownEffect }: WorkOptions,
  run: (work: Work<C>) => Promise<void>,
): Promise<Report> {
  const { config, signal } = execution;
  const work: Work<C> = {
    execution,
    get signal() {
      return limit.signal;
    },
    get endMs() {
      return limit.endMs;
    },
    tellEnd() {
      const { endMs } = limit;
      const told = endMs === execution.deadline?.getTime() ? execution.deadlineTold() : undefined;
      return { endMs, [Symbol.dispose]: () => told?.[Symbol.dispose]() };
    },
    phase: "before connecting",
    effect: "NONE",
    isRepeatable: false,
    evidence: {},
  };
  using limit = limited(signal, config.timeout, execution, () =>
    fail("TIMEOUT_TOTAL", `not finished in time: stopped ${work.phase}`),
  );
  try {
    await run(work);
    return { outcome: "SUCCEEDED", effect: work.effect, evidence: work.evidence };
  } catch (error) {
    const { phase, effect, isRepeatable, evidence } = work;
    return reportOfThrown(error, signal, { phase, effect, isRepeatable, evidence, unknownEffect });
  }
}

/** Say what is going on, if the key `debug` asks for it: on standard error, or to the log of Dkron, which would mix it into the stored output. */
export function trace({ config, protocol, log, stderr }: Execution<{ readonly debug: boolean }>, line: string): void {
  if (!config.debug) return;
  if (protocol === "dkron") log.info(line);
  else stderr.write(`${line}\n`);
}
