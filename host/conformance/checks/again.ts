import { setTimeout as sleep } from "node:timers/promises";
import { Effect, Outcome, type ExecuteRequest } from "@executor-host/proto/executor";
import { enumNames } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import type { OutputHeads, Recording } from "../execution-call.ts";
import { sampleConfig, sampleRun } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { isStartOrEnd, LongRun, longConfig } from "../long-run.ts";
import { NativeSession } from "../native-session.ts";
import type { Config } from "../options.ts";
import { disorderIn } from "../stream-order.ts";
import { failed, must, passed, skipped, type Verdict } from "../verdict.ts";
import { eventually, expectWithin } from "../waiting.ts";

/** The same execution and attempt, asked for again when the process that had it was lost. */
export const againGroup: CheckGroup = {
  id: "again",
  title: "The same work again",
  checks: [
    {
      id: "again.ended",
      title: "Finds work that ended while its executor was dead, and shows all of its output",
      why: "A job of an hour is done twice otherwise, or its end is never known.",
      needs: ["native", "idempotent", "config"],
      run: (kit) => judgeEnded(kit),
    },
    {
      id: "again.running",
      title: "Finds work that still runs after its executor was killed, and can stop it",
      why: "It runs twice otherwise, or on and on with nobody to stop it.",
      needs: ["native", "idempotent", "longConfig"],
      run: (kit) => judgeRunning(kit),
    },
    {
      id: "again.attempt",
      title: "Begins anew for another attempt",
      why: "A retry that is shown the failure of the attempt before is none.",
      needs: ["native", "idempotent", "config"],
      async run(kit) {
        const session = await kit.native();
        const one = await runToEnd(kit, session, await sampleConfig(kit));
        const two = await runToEnd(kit, session, await sampleConfig(kit), { attempt: 2, executionId: one.id });
        sameOutcome(one, two, "attempt 2");
        if (!(await targetsTell(kit))) return judgeUntold(kit);
        return targetOf(one) === targetOf(two)
          ? failed(`attempt 2 was shown the work of attempt 1: ${targetOf(one)}`, "find work by its id and attempt")
          : passed;
      },
    },
  ],
};

const outcomeName = enumNames(Outcome);

/** An executor killed while it ran something, with what it had told until then. */
interface Lost {
  readonly executionId: string;
  readonly target: string | undefined;
  readonly heads: OutputHeads;
}

async function judgeEnded(kit: Kit): Promise<Verdict> {
  const config = await sampleConfig(kit);
  const plain = await sampleRun(kit);
  const lost = await loseExecutor(kit, config);
  // Work that goes on without its executor comes to its end meanwhile.
  await sleep(kit.timeouts.watchMs);
  await using next = await kit.launch("native");
  const session = new NativeSession(next, kit.timeouts.stepMs);
  const found = await runToEnd(kit, session, config, { executionId: lost.executionId });
  const disorder = disorderIn(found);
  must(disorder === undefined, `asked for again, ${disorder}`, "show its output from the first byte");
  sameOutcome(plain, found, "asked for again, it");
  must(
    isShownAgain(lost, found.heads),
    "its output is not what was shown before",
    "show its output from the first byte",
  );
  const other = await runToEnd(kit, session, config);
  if (other.output.join() === plain.output.join()) {
    must(
      found.output.join() === plain.output.join(),
      `asked for again, its output was ${shown(found)}; it is always ${shown(plain)}`,
      "show its output from the first byte",
    );
  }
  return judgeTarget(kit, lost, targetOf(found));
}

async function judgeRunning(kit: Kit): Promise<Verdict> {
  const lost = await loseExecutor(kit, longConfig(kit));
  await using next = await kit.launch("native");
  const session = new NativeSession(next, kit.timeouts.stepMs);
  await using run = await LongRun.start(kit, session, { executionId: lost.executionId });
  const isShown = await eventually(() => isShownAgain(lost, run.call.heads), kit.timeouts.endMs);
  must(isShown, "its output is not what was shown before", "show its output from the first byte");
  run.assertRunning("it was found, and ended by itself");
  return judgeTarget(kit, lost, run.call.target);
}

/** Start an execution, and kill its executor as soon as the work has begun; what it had started is ended as a host does it. */
async function loseExecutor(kit: Kit, config: Config): Promise<Lost> {
  await using launched = await kit.launch("native");
  const call = new NativeSession(launched, kit.timeouts.stepMs).execute(config);
  await expectWithin("the start of the execution", call.until(isStartOrEnd), kit.timeouts.stepMs);
  await launched.crash();
  must(call.target !== undefined, "there is no `started`");
  return { executionId: call.id, target: call.target, heads: call.heads };
}

async function runToEnd(
  kit: Kit,
  session: NativeSession,
  config: Config,
  more: Partial<ExecuteRequest> = {},
): Promise<Recording> {
  return expectWithin("the end of the execution", session.execute(config, more).ended, kit.timeouts.stepMs);
}

/** @throws {VerdictError} failed, when it ended otherwise */
function sameOutcome(plain: Recording, other: Recording, subject: string): void {
  const [one, two] = [plain, other].map(({ result }) =>
    result === undefined ? "nothing" : outcomeName(result.outcome),
  );
  must(one === two, `${subject} ended ${two}, where ${one} is usual: ${other.result?.message ?? ""}`);
}

function isShownAgain({ heads }: Lost, found: OutputHeads): boolean {
  return [...heads].every(([channel, head]) => found.get(channel)?.startsWith(head) === true);
}

async function judgeTarget(kit: Kit, { target }: Lost, found: string | undefined): Promise<Verdict> {
  if (!(await targetsTell(kit))) return judgeUntold(kit);
  return found === target
    ? passed
    : failed(`asked for again, it began other work: first ${target}, then ${found}`, "find the work there is");
}

/** Work without an effect may be done twice. Of other work it cannot be seen where every execution names the same. */
async function judgeUntold(kit: Kit): Promise<Verdict> {
  const { result } = await sampleRun(kit);
  return result?.effect === Effect.NONE
    ? passed
    : skipped("`started` names the same for every execution: whether the work was done once cannot be seen");
}

/** Do executions name what they run in ways that tell one from another? */
function targetsTell(kit: Kit): Promise<boolean> {
  return kit.once("whether targets tell executions apart", async () => {
    const one = await sampleRun(kit);
    const other = await runToEnd(kit, await kit.native(), await sampleConfig(kit));
    return targetOf(one) !== targetOf(other);
  });
}

function targetOf({ events }: Recording): string | undefined {
  return events.find(({ kind }) => kind === "started")?.target;
}

function shown({ output }: Recording): string {
  return output.length === 0 ? "none" : output.join(", ");
}
