import { setTimeout as sleep } from "node:timers/promises";
import { toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import { valueOf } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { capabilities, sample, sampleRun } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { LongRun } from "../long-run.ts";
import { failed, must, passed, skipped, type Verdict } from "../verdict.ts";
import { settlesWithin } from "../waiting.ts";

/** How the work is doing while it goes on, and how long it may. */
export const lifeGroup: CheckGroup = {
  id: "life",
  title: "Deadlines, heartbeats and usage",
  checks: [
    {
      id: "life.deadline",
      title: "Knows the running execution whose deadline is changed, and no other",
      why: "A host that was not heard tells its people that the work may end too early.",
      needs: ["native", "setDeadline", "longConfig"],
      async run(kit) {
        await using run = await LongRun.start(kit, await kit.native());
        const deadline = toTimestamp(Date.now() + hourMs);
        const isKnown = async (id: string, attempt: number) =>
          valueOf("SetDeadline", await run.session.setDeadline(id, attempt, deadline)).known;
        must(await isKnown(run.call.id, 1), "SetDeadline does not know a running execution");
        must(await isKnown(run.call.id, 1), "SetDeadline does not know it when it is asked again");
        must(!(await isKnown(run.call.id, 2)), "SetDeadline knows an attempt that does not run");
        must(!(await isKnown("conformance-nobody", 1)), "SetDeadline knows an execution it never had");
        if ("reason" in (await sample(kit))) return passed;
        const { id } = await sampleRun(kit);
        must(!(await isKnown(id, 1)), "SetDeadline knows an execution that has ended");
        return passed;
      },
    },
    {
      id: "life.extended",
      title: "Goes on after the deadline it was started with, when that was taken back",
      why: "Nobody can give a running job more time otherwise.",
      needs: ["native", "setDeadline", "longConfig"],
      async run(kit) {
        const endMs = Date.now() + kit.timeouts.watchMs;
        await using run = await LongRun.start(kit, await kit.native(), { deadline: toTimestamp(endMs) });
        const answer = await run.session.setDeadline(run.call.id, 1, undefined);
        if (!valueOf("SetDeadline", answer).known) return skipped("see life.deadline");
        await sleep(Math.max(0, endMs - Date.now()) + kit.timeouts.settleMs);
        run.assertRunning("it was ended at its first deadline");
        return passed;
      },
    },
    {
      id: "life.heartbeats",
      title: "Marks heartbeats as the work's own only if it says that the work gives some",
      why: "By them a host tells work that hangs from work that takes long.",
      needs: ["native", "longConfig"],
      run: (kit) => judgeHeartbeats(kit),
    },
    {
      id: "life.beats",
      title: "Passes on the signs of life of its work, where it says that the work gives some",
      why: "Jobs with a heartbeat limit are stopped for silence otherwise.",
      needs: ["native", "heartbeat", "heartbeatConfig"],
      async run(kit) {
        const limit = toDuration(kit.timeouts.silenceMs);
        const more = { heartbeatTimeout: limit };
        await using run = await LongRun.start(kit, await kit.native(), more, kit.options.heartbeatConfig);
        const beat = run.call.until(({ heartbeat }) => heartbeat?.fromWork === true);
        if (await settlesWithin(beat, kit.timeouts.silenceMs)) {
          run.assertRunning("it ended by itself");
          return passed;
        }
        const reason = `no heartbeat from the work in ${kit.timeouts.silenceMs} ms, with a heartbeat_timeout of as much`;
        return failed(
          reason,
          "send a heartbeat with from_work when the work has given a sign, or do not offer heartbeat",
        );
      },
    },
    {
      id: "life.usage",
      title: "Says of every usage how it was measured",
      why: "A peak that was sampled is no limit to go by.",
      needs: ["native", "config"],
      async run(kit) {
        const { events, result } = await sampleRun(kit);
        const told = [...events.flatMap(({ usage }) => usage ?? []), ...(result?.usage ? [result.usage] : [])];
        const wrong = told.find(({ source }) => !sources.includes(source));
        return wrong === undefined
          ? passed
          : failed(`the source is ${JSON.stringify(wrong.source)}`, sources.join(" or "));
      },
    },
  ],
};

const hourMs = 3_600_000;
const sources: readonly string[] = ["cgroup", "sampled"];

async function judgeHeartbeats(kit: Kit): Promise<Verdict> {
  await using run = await LongRun.start(kit, await kit.native());
  await settlesWithin(
    run.call.until(({ kind }) => kind === "heartbeat"),
    kit.timeouts.silenceMs,
  );
  const beats = run.call.events.flatMap(({ heartbeat }) => heartbeat ?? []);
  const hasOwn = beats.some(({ fromWork }) => fromWork);
  must(
    !hasOwn || (await capabilities(kit)).heartbeat === true,
    "a heartbeat is marked as the work's own, but the capability heartbeat is not offered",
    "offer it, or leave from_work out of what a timer sends",
  );
  const stray = beats.find(({ fromWork, details }) => !fromWork && details !== undefined);
  return stray === undefined
    ? passed
    : failed("a heartbeat has details, but is not marked as the work's own", "from_work");
}
