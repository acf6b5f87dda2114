import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { Outcome } from "@executor-host/proto/executor";
import { enumNames, errorText } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import type { Recording } from "../execution-call.ts";
import { capabilities, sampleConfig, sampleRun } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { LongRun, longConfig } from "../long-run.ts";
import type { NativeSession } from "../native-session.ts";
import { familyOf, nameOf, openDescriptors, residentBytes } from "../process-table.ts";
import { disorderIn } from "../stream-order.ts";
import { limits } from "../timeouts.ts";
import { failed, must, passed, skipped, warned, type Verdict } from "../verdict.ts";
import { eventually, expectWithin, settlesWithin } from "../waiting.ts";

/** Many executions, long ones, and big ones. */
export const loadGroup: CheckGroup = {
  id: "load",
  title: "Load",
  checks: [
    {
      id: "load.concurrent",
      title: "Keeps executions apart that run at the same time",
      why: "One process serves many; a mixed-up output belongs to nobody.",
      needs: ["native", "config"],
      run: (kit) => judgeConcurrency(kit),
    },
    {
      id: "load.duplicate",
      title: "Refuses the same execution and attempt while it runs",
      why: "A host that asks twice after a lost link must not have the work done twice.",
      needs: ["native", "longConfig"],
      async run(kit) {
        await using run = await LongRun.start(kit, await kit.native());
        const again = run.session.execute(longConfig(kit), { executionId: run.call.id });
        await again.until(({ kind }) => kind !== undefined);
        again.drop();
        must(again.events.length === 0, "it was started a second time", "answer ALREADY_EXISTS");
        const { end } = await again.ended;
        must(end.code === status.ALREADY_EXISTS, errorText(end), "answer ALREADY_EXISTS");
        run.assertRunning("the second call ended the first");
        return passed;
      },
    },
    {
      id: "load.silence",
      title: "Sends heartbeats while there is nothing else to say",
      why: "Silence looks the same as a hang.",
      needs: ["native", "longConfig"],
      async run(kit) {
        await using run = await LongRun.start(kit, await kit.native());
        const already = run.call.events.length;
        const heartbeat = run.call.until(({ kind }) => kind === "heartbeat");
        const isHeard = await settlesWithin(heartbeat, kit.timeouts.silenceMs);
        run.assertRunning("it ended by itself");
        if (isHeard) return passed;
        if (run.call.events.length > already) return skipped("--long-config is not silent");
        return warned(`not a word in ${kit.timeouts.silenceMs} ms`, "send a heartbeat every few seconds");
      },
    },
    {
      id: "load.slow-reader",
      title: "Waits for a reader that is slow, and loses nothing",
      why: "Output that is not waited for fills the memory, or is lost.",
      needs: ["native", "floodConfig"],
      run: (kit) => judgeSlowReader(kit),
    },
    {
      id: "load.leaks",
      title: "Gains no descriptors and no processes by running",
      why: "It serves for weeks.",
      needs: ["processes", "native", "chosenConfig"],
      run: (kit) => judgeLeaks(kit),
    },
  ],
};

async function runSample(kit: Kit, session: NativeSession): Promise<Recording> {
  const call = session.execute(await sampleConfig(kit));
  return expectWithin("the end of the execution", call.ended, kit.timeouts.stepMs);
}

async function judgeConcurrency(kit: Kit): Promise<Verdict> {
  const { maxConcurrentExecutions: most } = await capabilities(kit);
  const count = Math.min(limits.concurrentExecutions, most || limits.concurrentExecutions);
  if (count === 1) return skipped("takes one execution at a time");
  const session = await kit.native();
  const alone = await sampleRun(kit);
  if (disorderIn(alone) !== undefined) return skipped("see execute: one alone is not in order");
  const isSteady = sameOutput(alone, await runSample(kit, session));
  const recordings = await Promise.all(Array.from({ length: count }, () => runSample(kit, session)));
  for (const recording of recordings) {
    const disorder = disorderIn(recording);
    must(disorder === undefined, `of ${count} at once, one went wrong: ${disorder}`);
    const [one, other] = [alone, recording].map(({ result }) =>
      enumNames(Outcome)(result?.outcome ?? Outcome.UNSPECIFIED),
    );
    must(
      one === other,
      `of ${count} at once, one ended ${other}: ${recording.result?.message ?? ""}`,
      `alone it ended ${one}`,
    );
    must(
      !isSteady || sameOutput(alone, recording),
      `of ${count} at once, one had another output`,
      "alone it is always the same",
    );
  }
  return passed;
}

function sameOutput(one: Recording, other: Recording): boolean {
  return one.output.join() === other.output.join();
}

async function judgeSlowReader(kit: Kit): Promise<Verdict> {
  const session = await kit.native();
  const call = session.execute(kit.options.floodConfig ?? {});
  await expectWithin(
    "the first output",
    call.until(({ kind }) => kind === "output" || kind === "result"),
    kit.timeouts.stepMs,
  );
  call.pause();
  const before = residentBytes(session.plugin.pid);
  await sleep(kit.timeouts.pauseMs);
  const gained = residentBytes(session.plugin.pid) - before;
  call.resume();
  const recording = await expectWithin("the end of the execution", call.ended, kit.timeouts.stepMs);
  const { result, events } = recording;
  const total = events.reduce((sum, { output }) => sum + (output?.bytes ?? 0), 0);
  const disorder = disorderIn(recording);
  must(disorder === undefined, disorder ?? "");
  if (total < limits.floodBytes)
    return skipped(`--flood-config brings ${total} bytes only; ${limits.floodBytes} are needed`);
  must(
    result?.outcome === Outcome.SUCCEEDED,
    `it ended ${enumNames(Outcome)(result?.outcome ?? 0)}: ${result?.message ?? ""}`,
  );
  if (gained < limits.pausedGrowthBytes) return passed;
  return warned(`${Math.round(gained / 2 ** 20)} MiB more memory while nobody read`, "stop reading the job's output");
}

async function judgeLeaks(kit: Kit): Promise<Verdict> {
  const session = await kit.native();
  const { pid } = session.plugin;
  const processes = () => familyOf(pid, session.tag);
  for (let index = 0; index < limits.warmUpExecutions; index++) await runSample(kit, session);
  const descriptors = openDescriptors(pid);
  const before = processes();
  for (let index = 0; index < limits.quickExecutions; index++) await runSample(kit, session);
  const gained = () => openDescriptors(pid) - descriptors;
  const more = () => processes().length - before.length;
  const bound = limits.quickExecutions * limits.leakedPerExecution;
  if (await eventually(() => gained() < bound && more() < bound, kit.timeouts.endMs)) return passed;
  const after = `after ${limits.quickExecutions} executions`;
  if (gained() >= bound) return failed(`${after} ${gained()} more descriptors are open`);
  const names = processes().map(nameOf).join(", ");
  return failed(`${after} there are ${more()} more processes: ${names}`);
}
