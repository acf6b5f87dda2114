import { status } from "@grpc/grpc-js";
import { CancelDisposition, Outcome } from "@executor-host/proto/executor";
import { enumNames, errorText, valueOf } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { capabilities, sampleRun } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { LongRun, longConfig } from "../long-run.ts";
import type { NativeSession } from "../native-session.ts";
import { familyOf, isRunning, nameOf, type ProcessRow } from "../process-table.ts";
import { failed, must, passed, skipped, type Verdict } from "../verdict.ts";
import { eventually, expectWithin, settlesWithin } from "../waiting.ts";

/** Stopping one execution. */
export const cancelGroup: CheckGroup = {
  id: "cancel",
  title: "Cancel",
  checks: [
    {
      id: "cancel.stops",
      title: "Answers STOPPING at once, and the execution ends CANCELLED within its grace",
      why: "People wait for it, and hosts force what does not come.",
      needs: ["native", "cancel", "longConfig"],
      async run(kit) {
        await using run = await LongRun.start(kit, await kit.native());
        await mustAnswer(kit, run, ["STOPPING"]);
        return await endsCancelled(kit, run);
      },
    },
    {
      id: "cancel.twice",
      title: "Takes a second Cancel of the same execution",
      why: "Whoever asked may ask again, and so may a host after a lost answer.",
      needs: ["native", "cancel", "longConfig"],
      async run(kit) {
        await using run = await LongRun.start(kit, await kit.native());
        await mustAnswer(kit, run, ["STOPPING"]);
        await mustAnswer(kit, run, ["STOPPING", "FINISHED"]);
        return passed;
      },
    },
    {
      id: "cancel.neighbour",
      title: "Stops the execution it was asked for, and no other",
      why: "Hosts share a process among executions because of this promise.",
      needs: ["native", "cancel", "longConfig"],
      async run(kit) {
        if ((await capabilities(kit)).maxConcurrentExecutions === 1) return skipped("takes one execution at a time");
        await using neighbour = await LongRun.start(kit, await kit.native());
        await using run = await LongRun.start(kit, neighbour.session);
        await mustAnswer(kit, run, ["STOPPING"]);
        if (!(await settlesWithin(run.call.ended, stopLimitMs(kit)))) return skipped("see cancel.stops");
        await settlesWithin(
          neighbour.call.until(({ kind }) => kind === "result"),
          kit.timeouts.watchMs,
        );
        neighbour.assertRunning("it was stopped with its neighbour");
        return passed;
      },
    },
    {
      id: "cancel.unknown",
      title: "Answers UNKNOWN for an execution it never had",
      why: "A host that lost track must not take it for stopped.",
      needs: ["native", "cancel"],
      async run(kit) {
        return expectDisposition(kit, "conformance-nobody", ["UNKNOWN"]);
      },
    },
    {
      id: "cancel.finished",
      title: "Answers FINISHED, or UNKNOWN, for an execution that has ended",
      why: "A Cancel may cross the result on its way.",
      needs: ["native", "cancel", "config"],
      async run(kit) {
        return expectDisposition(kit, (await sampleRun(kit)).id, ["FINISHED", "UNKNOWN"]);
      },
    },
    {
      id: "cancel.drop",
      title: "Stops the work when the call is dropped",
      why: "It is the hard way to stop: whoever ignores it works for nobody.",
      needs: ["native", "longConfig"],
      run: (kit) => judgeDrop(kit),
    },
  ],
};

/** Forcing what does not come within the grace takes its time. */
function stopLimitMs(kit: Kit): number {
  return kit.timeouts.graceMs + kit.timeouts.endMs;
}

type DispositionName = keyof typeof CancelDisposition;

async function mustAnswer(kit: Kit, { session, call }: LongRun, allowed: readonly DispositionName[]): Promise<void> {
  const { disposition } = valueOf("Cancel", await session.cancel(call.id, kit.timeouts.graceMs));
  const name = enumNames(CancelDisposition)(disposition);
  must(
    allowed.some((one) => one === name),
    `Cancel of a running execution answered ${name}`,
    allowed.join(" or "),
  );
}

async function expectDisposition(kit: Kit, id: string, allowed: readonly DispositionName[]): Promise<Verdict> {
  const session = await kit.native();
  const { disposition } = valueOf("Cancel", await session.cancel(id, kit.timeouts.graceMs));
  const name = enumNames(CancelDisposition)(disposition);
  return allowed.some((one) => one === name) ? passed : failed(`Cancel answered ${name}`, allowed.join(" or "));
}

async function endsCancelled(kit: Kit, { call }: LongRun): Promise<Verdict> {
  const { end, result } = await expectWithin("the end of the execution", call.ended, stopLimitMs(kit));
  must(end.code === status.OK, `the stream ended with ${errorText(end)}`, "a cancelled execution has a result too");
  const { outcome = Outcome.UNSPECIFIED, message = "" } = result ?? {};
  if (outcome === Outcome.CANCELLED) return passed;
  return failed(
    `it ended ${enumNames(Outcome)(outcome)}: ${message}`,
    "CANCELLED, whatever the work's own end looks like",
  );
}

async function judgeDrop(kit: Kit): Promise<Verdict> {
  const session = await kit.native();
  {
    // What is started once and kept is not the work.
    await using _first = await LongRun.start(kit, session);
  }
  const current = await kit.native();
  const family = () => familyOf(current.plugin.pid, current.tag);
  const before = new Set(family().map(({ identity }) => identity));
  await using run = await LongRun.start(kit, current);
  const workers = family().filter(({ identity }) => !before.has(identity));
  run.call.drop();
  const hint = "watch for the end of the call, and kill what was started for it";
  const left = (): readonly ProcessRow[] => workers.filter(isRunning);
  const isOver = await eventually(() => left().length === 0, kit.timeouts.stepMs);
  must(
    isOver,
    `${kit.timeouts.stepMs} ms after the call was dropped still there: ${left().map(nameOf).join(", ")}`,
    hint,
  );
  const canRunAgain = await eventually(() => runsAgain(kit, current, run.call.id), kit.timeouts.stepMs);
  // That was dropped too, and nobody can tell when it is over: other checks get another process.
  await current.plugin.kill();
  return canRunAgain
    ? passed
    : failed(`${kit.timeouts.stepMs} ms after the call was dropped it is still running`, hint);
}

/** The same execution is refused as long as it runs. */
async function runsAgain(kit: Kit, session: NativeSession, executionId: string): Promise<boolean> {
  const call = session.execute(longConfig(kit), { executionId });
  await call.until(({ kind }) => kind !== undefined);
  if (call.events.length > 0) {
    call.drop();
    await call.ended;
    return true;
  }
  const { end } = await call.ended;
  return end.code !== status.ALREADY_EXISTS && end.code !== status.RESOURCE_EXHAUSTED;
}
