import { capabilities } from "./facts.ts";
import { Outcome, type ExecuteRequest } from "@executor-host/proto/executor";
import { enumNames, errorText } from "./calls.ts";
import type { ExecutionCall } from "./execution-call.ts";
import type { Kit } from "./kit.ts";
import type { NativeSession } from "./native-session.ts";
import type { Config } from "./options.ts";
import { failed, VerdictError } from "./verdict.ts";
import { expectWithin, settlesWithin } from "./waiting.ts";

/** The config that runs until it is stopped, in checks that need one. */
export function longConfig(kit: Kit): Config {
  return kit.options.longConfig ?? {};
}

/** An execution under way that goes on until it is stopped. Disposing of it stops it, one way or another. */
export class LongRun implements AsyncDisposable {
  readonly call: ExecutionCall;
  readonly session: NativeSession;
  readonly #kit: Kit;

  private constructor(kit: Kit, session: NativeSession, call: ExecutionCall) {
    this.#kit = kit;
    this.session = session;
    this.call = call;
  }

  /**
   * @param more what differs from a plain request with an id of its own
   * @param config one that runs until it is stopped
   * @throws {VerdictError} failed, when it does not start, or is not long
   */
  static async start(
    kit: Kit,
    session: NativeSession,
    more: Partial<ExecuteRequest> = {},
    config: Config = longConfig(kit),
  ): Promise<LongRun> {
    const call = session.execute(config, more);
    const run = new LongRun(kit, session, call);
    await expectWithin("the start of the long execution", call.until(isStartOrEnd), kit.timeouts.stepMs);
    run.assertRunning("it ended by itself");
    return run;
  }

  /** @throws {VerdictError} failed with what happened, when it has ended */
  assertRunning(what: string): void {
    const { end, events } = this.call;
    const { result } = events.findLast((event) => event.result !== undefined) ?? {};
    if (result === undefined && end === undefined) return;
    const ending = end === undefined ? "" : errorText(end);
    const how = result === undefined ? ending : `${enumNames(Outcome)(result.outcome)} ${result.message}`.trim();
    throw new VerdictError(failed(`long execution: ${what}: ${how}`, "--long-config must run until it is stopped"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.call.end !== undefined || this.session.plugin.hasExited) return;
    if ((await capabilities(this.#kit)).cancel === true) {
      await this.session.cancel(this.call.id, 0);
      if (await settlesWithin(this.call.ended, this.#kit.timeouts.endMs)) return;
    }
    this.call.drop();
    // Nobody can tell when it has really stopped: a process of its own is the end of it.
    await this.session.plugin.kill();
  }
}

/** Has it begun, or will it not? */
export function isStartOrEnd({ kind }: { readonly kind: string | undefined }): boolean {
  return kind === "started" || kind === "result";
}
