import { ConfigError, StopRequest, type Execution, type Report } from "@executor-host/sdk";

import type { Config } from "./config.ts";
import { DockerFailure } from "./failure.ts";
import { claimContainer, findContainer } from "./run/claim.ts";
import { followContainer } from "./run/follow.ts";
import type { DockerRun } from "./run/run.ts";
import type { Services } from "./services.ts";

/** Run one job in a container, or follow the container it already runs in, and report what came of it. */
export async function execute(execution: Execution<Config>, { engines, owner, loaded }: Services): Promise<Report> {
  const { signal, config } = execution;
  if (loaded.policy === undefined) throw new ConfigError([loaded.problem]);
  const evidence: DockerRun["evidence"] = { image: config.image };
  let isRunning = false;
  try {
    const isRecall = signal.aborted;
    const engine = await engines.of(config);
    const { name, version } = await engine.facts();
    evidence["engine"] = `${name} ${version} at ${engine.name}`;
    engines.sweepOnce(engine, execution.log);
    const run: DockerRun = { execution, engine, policy: loaded.policy, owner, evidence };
    const claim = isRecall ? await findContainer(run) : await claimContainer(run);
    if (claim === undefined) throw signal.reason;
    using _held = engines.hold(claim.id);
    isRunning = !claim.isNew;
    const started = (target: string): void => {
      isRunning = true;
      execution.started(target);
    };
    return await followContainer({ ...run, execution: { ...execution, started } }, claim);
  } catch (error) {
    const effect = isRunning ? undefined : ("NONE" as const);
    if (error instanceof DockerFailure) {
      const { outcome, code, message, hint, retryability } = error;
      return { outcome, code, message, hint, retryability, effect, evidence };
    }
    if (signal.aborted && error === signal.reason) {
      const why = error instanceof StopRequest ? error.reason : "no reason given";
      return {
        outcome: "CANCELLED",
        code: "CANCELLED",
        message: `stopped before the container ran: ${why}`,
        effect,
        evidence,
      };
    }
    throw error;
  }
}
