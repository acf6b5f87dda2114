import { Outcome } from "@executor-host/proto/executor";
import { errorText, valueOf } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { wrongConfig } from "../configs.ts";
import { DkronSession, isServed, services, type DkronRun, type ServiceName } from "../dkron-session.ts";
import { sampleConfig, sampleRun, speaks } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { limits } from "../timeouts.ts";
import { failed, must, passed, skipped, VerdictError, warned, type Verdict } from "../verdict.ts";

/** Dkron's contract: one call, output through a callback. */
export const dkronGroup: CheckGroup = {
  id: "dkron",
  title: "Dkron's contract",
  checks: [
    {
      id: "dkron.names",
      title: "Serves Execute under each of the names Dkron has given it",
      why: "The service was renamed twice; each Dkron knows one name.",
      needs: ["dkron", "config"],
      async run(kit) {
        const missing = Object.entries(await runs(kit)).filter(([, run]) => !isServed(run));
        if (missing.length === 0) return passed;
        const all = Object.keys(services).join(", ");
        if (missing.length === Object.keys(services).length) return failed("serves none of them", all);
        const unable = missing.map(([name]) => `${services[name as ServiceName]} (${name})`).join(", ");
        return warned(`cannot be called by ${unable}`, `serve ${all}`);
      },
    },
    {
      id: "dkron.result",
      title: "Answers with status OK, and an error text that is empty on success",
      why: "Dkron takes every other status for a broken plugin.",
      needs: ["dkron", "config"],
      async run(kit) {
        const { answer } = await newestRun(kit);
        if (!answer.ok) return failed(errorText(answer), "a failed job is an error text");
        const { error } = answer.value;
        if (!(await speaks(kit, "native"))) {
          return error === ""
            ? passed
            : warned(`the sample failed: ${error}`, "give a config that succeeds with --config");
        }
        const { outcome } = (await sampleRun(kit)).result ?? {};
        const said = JSON.stringify(error);
        must(
          outcome !== Outcome.SUCCEEDED || error === "",
          `the error is ${said}, though natively the sample succeeds`,
        );
        must(outcome !== Outcome.FAILED || error !== "", "there is no error text, though natively the sample fails");
        return passed;
      },
    },
    {
      id: "dkron.callback",
      title: "Reaches for the callback before it starts to work",
      why: "Live output goes there, and Dkron keeps the address for five seconds only.",
      needs: ["dkron", "config"],
      async run(kit) {
        const name = await newestName(kit);
        if (name === "dkron.Executor") return skipped("there was no callback yet");
        const { tookMs } = await newestRun(kit);
        // Long enough for an executor that does not wait to be done; the address may come five seconds late.
        const delayMs = Math.min(maxAnnounceDelayMs, Math.max(kit.timeouts.announceDelayMs, 3 * tookMs));
        const { isAnsweredEarly } = await (await session(kit)).execute(name, await sampleConfig(kit), delayMs);
        const hint = "dial status_server through the broker first";
        return isAnsweredEarly ? warned("was done before the callback could be reached", hint) : passed;
      },
    },
    {
      id: "dkron.failure",
      title: "Tells of a wrong config in the error text",
      why: "It is the only place where Dkron shows what is wrong.",
      needs: ["dkron", "native", "schema"],
      async run(kit) {
        const { config } = await wrongConfig(kit, false);
        const { answer } = await (await session(kit)).execute(await newestName(kit), config);
        const { error } = valueOf("Execute", answer);
        return error === "" ? failed("a wrong config succeeds") : passed;
      },
    },
    {
      id: "dkron.unknown-key",
      title: "Bears an unknown key",
      why: "Dkron always ignored them, so job definitions are full of them.",
      needs: ["dkron", "config"],
      async run(kit) {
        const before = valueOf("Execute", (await newestRun(kit)).answer).error;
        const config = { ...(await sampleConfig(kit)), "no-such-key": "x" };
        const { answer } = await (await session(kit)).execute(await newestName(kit), config);
        const { error } = valueOf("Execute", answer);
        return before === "" && error !== "" ? failed(error, "warn in the output, and go on") : passed;
      },
    },
    {
      id: "dkron.concurrent",
      title: "Runs executions at the same time",
      why: "Dkron shares the process among all of them.",
      needs: ["dkron", "config"],
      run: (kit) => judgeConcurrency(kit),
    },
  ],
};

/** Beyond five seconds the callback counts as missing. */
const maxAnnounceDelayMs = 3_000;

async function session(kit: Kit): Promise<DkronSession> {
  return new DkronSession(await kit.shared("dkron"), kit.timeouts.stepMs);
}

/** The sample, run under each name. */
function runs(kit: Kit): Promise<Readonly<Record<ServiceName, DkronRun>>> {
  return kit.once("Dkron runs", async () => {
    const config = await sampleConfig(kit);
    const process = await session(kit);
    return {
      "types.v1.ExecutorService": await process.execute("types.v1.ExecutorService", config),
      "types.Executor": await process.execute("types.Executor", config),
      "dkron.Executor": await process.execute("dkron.Executor", config),
    };
  });
}

async function newestName(kit: Kit): Promise<ServiceName> {
  const all = await runs(kit);
  const name = (Object.keys(services) as ServiceName[]).find((one) => isServed(all[one]));
  if (name === undefined) throw new VerdictError(skipped("see dkron.names"));
  return name;
}

async function newestRun(kit: Kit): Promise<DkronRun> {
  return (await runs(kit))[await newestName(kit)];
}

async function judgeConcurrency(kit: Kit): Promise<Verdict> {
  const before = valueOf("Execute", (await newestRun(kit)).answer).error;
  const [name, config, process] = [await newestName(kit), await sampleConfig(kit), await session(kit)];
  const all = await Promise.all(
    Array.from({ length: limits.concurrentExecutions }, () => process.execute(name, config)),
  );
  for (const { answer } of all) {
    const { error } = valueOf(`of ${all.length} at once, one Execute`, answer);
    must(before !== "" || error === "", `of ${all.length} at once, one failed: ${error}`);
  }
  return passed;
}
