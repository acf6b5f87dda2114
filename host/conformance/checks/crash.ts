import { appVersions } from "@executor-host/proto/shared/executor-link";
import type { CheckGroup } from "../check.ts";
import { speaks } from "../facts.ts";
import type { Kit } from "../kit.ts";
import type { Launched } from "../launched.ts";
import { LongRun } from "../long-run.ts";
import { NativeSession } from "../native-session.ts";
import { descendantsOf, familyOf, hasTag, isRunning, nameOf } from "../process-table.ts";
import { failed, must, passed, type Verdict } from "../verdict.ts";
import { eventually } from "../waiting.ts";

/** Sudden ends, with and without work under way. */
export const crashGroup: CheckGroup = {
  id: "crash",
  title: "Crash",
  checks: [
    {
      id: "crash.busy",
      title: "Takes its work along when the host says Shutdown in the middle of it",
      why: "What goes on without its executor belongs to nobody.",
      needs: ["processes", "native", "longConfig"],
      run: (kit) => judgeBusyEnd(kit),
    },
    {
      id: "crash.leftovers",
      title: "Leaves nothing behind that a host cannot find, when it is killed",
      why: "Nobody can clean up after itself when killed; the host does, by the tag in the environment.",
      needs: ["processes"],
      run: (kit) => judgeLeftovers(kit),
    },
    {
      id: "crash.restart",
      title: "Can be started again after it was killed",
      why: "A lock or a socket of a dead process must not keep the next one from its work.",
      needs: [],
      async run(kit) {
        await using killed = await launch(kit);
        await killed.plugin.kill();
        await using next = await launch(kit);
        await next.plugin.ping({ timeoutMs: kit.timeouts.stepMs });
        return passed;
      },
    },
  ],
};

async function launch(kit: Kit): Promise<Launched> {
  return kit.launch((await speaks(kit, "native")) ? "native" : "dkron");
}

async function judgeBusyEnd(kit: Kit): Promise<Verdict> {
  await using launched = await kit.launch("native");
  const { plugin, tag } = launched;
  await using _run = await LongRun.start(kit, new NativeSession(launched, kit.timeouts.stepMs));
  const family = familyOf(plugin.pid, tag);
  const { steps } = await plugin.stop({ graceMs: kit.timeouts.endMs });
  must(steps.length === 1, `still there ${kit.timeouts.endMs} ms after Shutdown`, "stop what runs, at once, then end");
  const left = () => [...family.filter(isRunning), ...familyOf(plugin.pid, tag)];
  if (await eventually(() => left().length === 0, kit.timeouts.settleMs)) return passed;
  return failed(`left behind: ${left().map(nameOf).join(", ")}`, "stop what runs before ending");
}

async function judgeLeftovers(kit: Kit): Promise<Verdict> {
  await using launched = await launch(kit);
  const { plugin, tag } = launched;
  const isNative = plugin.appVersion === appVersions.native;
  const session =
    isNative && kit.options.longConfig !== undefined ? new NativeSession(launched, kit.timeouts.stepMs) : undefined;
  await using _run = session && (await LongRun.start(kit, session));
  const untagged = descendantsOf(plugin.pid).filter(({ pid }) => !hasTag(pid, tag));
  process.kill(plugin.pid, "SIGKILL");
  await plugin.exited;
  const left = () => untagged.filter(isRunning);
  if (await eventually(() => left().length === 0, kit.timeouts.endMs)) return passed;
  const reason = `outlives the executor, and carries no EXECUTOR_HOST_TAG: ${left().map(nameOf).join(", ")}`;
  for (const { pid } of left()) process.kill(pid, "SIGKILL");
  return failed(reason, "hand EXECUTOR_HOST_TAG down to everything that is started");
}
