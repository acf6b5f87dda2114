import { isDeepStrictEqual } from "node:util";
import { status } from "@grpc/grpc-js";
import { Effect, Outcome } from "@executor-host/proto/executor";
import { toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import { codeForm, enumNames, errorText, valueOf } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { base, isAbout, secretConfig, secretText, wrongConfig } from "../configs.ts";
import type { EventNote, Recording } from "../execution-call.ts";
import { capabilities, describe, sampleConfig, sampleRun } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { NativeSession } from "../native-session.ts";
import { isClosed } from "../schema.ts";
import { limits } from "../timeouts.ts";
import { failed, must, passed, skipped, type Verdict } from "../verdict.ts";
import { expectWithin } from "../waiting.ts";

/** Requests that are wrong, full, big, or not Execute. */
export const requestGroup: CheckGroup = {
  id: "request",
  title: "Requests of every kind",
  checks: [
    {
      id: "request.wrong",
      title: "Ends REJECTED with the violations, and does nothing, when the config is wrong",
      why: "A host that did not ask Validate first must still learn what is wrong, and that nothing was done.",
      needs: ["native", "schema"],
      run: (kit) => judgeRejection(kit),
    },
    {
      id: "request.secrets",
      title: "Keeps the values of secrets out of results, answers and logs",
      why: "They are stored, shown, and sent to whoever collects logs.",
      needs: ["native", "schema"],
      run: (kit) => judgeSecrecy(kit),
    },
    {
      id: "request.full",
      title:
        "Takes everything a request may carry: deadline, labels, trace context, any attempt, what an earlier one told",
      why: "Hosts send them with every execution.",
      needs: ["native", "config"],
      async run(kit) {
        const plain = await sampleRun(kit);
        const session = await kit.native();
        const call = session.execute(await sampleConfig(kit), {
          attempt: 4_000_000_000,
          jobName: "",
          deadline: toTimestamp(Date.now() + 3_600_000),
          heartbeatTimeout: toDuration(3_600_000),
          heartbeatDetails: { text: "row 500", rows: [1, { two: null }] },
          labels: { team: "a", ключ: "значение" },
          traceContext: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b" },
        });
        return sameOutcome(plain, await expectWithin("the end of the execution", call.ended, kit.timeouts.stepMs));
      },
    },
    {
      id: "request.big",
      title: "Takes a request of 1 MiB",
      why: "Scripts and payloads are part of configs.",
      needs: ["native", "schema"],
      async run(kit) {
        if (!isClosed((await describe(kit)).schema)) return skipped("the schema takes other keys");
        const session = await kit.native();
        const config = await base(kit);
        const small = session.execute({ ...config, "no-such-key": "x" });
        const { end: usual } = await expectWithin("the end of the execution", small.ended, kit.timeouts.stepMs);
        const big = session.execute({ ...config, "no-such-key": "x".repeat(limits.bigValueBytes) });
        const { end } = await expectWithin("the end of the execution", big.ended, kit.timeouts.stepMs);
        return end.code === usual.code ? passed : failed(errorText(end), "lift the limit on the size of messages");
      },
    },
    {
      id: "request.attach",
      title: "Replays an execution from any event on",
      why: "It is how a host finds its way back to a run after a lost link.",
      needs: ["native", "attach", "config"],
      async run(kit) {
        const { id, events } = await sampleRun(kit);
        const session = await kit.native();
        for (const first of [0, 1, 2]) {
          const replay = session.attach(id, first);
          const again = await expectWithin("the end of the replay", replay.ended, kit.timeouts.stepMs);
          must(again.end.code === status.OK, `Attach ended with ${errorText(again.end)}`);
          const wanted = events.slice(Math.max(0, first - 1)).map(essence);
          const isSame = isDeepStrictEqual(again.events.map(essence), wanted);
          must(isSame, `attached from ${first} on, the events are not those of Execute`, "0 and 1 mean all");
        }
        const stranger = session.attach("conformance-nobody", 1);
        const { end } = await expectWithin("the end of Attach", stranger.ended, kit.timeouts.stepMs);
        return end.code === status.NOT_FOUND ? passed : failed(`an unknown execution: ${errorText(end)}`, "NOT_FOUND");
      },
    },
    {
      id: "request.probe",
      title: "Answers Probe, whatever the state of the target",
      why: "An error says nothing about the target.",
      needs: ["native", "probe", "config"],
      async run(kit) {
        const session = await kit.native();
        const { ok, message, code } = valueOf("Probe", await session.probe(await sampleConfig(kit)));
        must(ok || message !== "", "it is not ok, without a message", "say why");
        return ok || codeForm.test(code)
          ? passed
          : failed(`the code is ${JSON.stringify(code)}`, "upper-case snake case");
      },
    },
  ],
};

const outcomeName = enumNames(Outcome);

async function judgeRejection(kit: Kit): Promise<Verdict> {
  const session = await kit.native();
  const { config, key } = await wrongConfig(kit, true);
  const call = session.execute(config);
  const { events, end, result } = await expectWithin("the end of the execution", call.ended, kit.timeouts.stepMs);
  must(
    end.code === status.OK,
    `the stream ended with ${errorText(end)}`,
    "an invalid config is a result, not an error",
  );
  must(result !== undefined, "there is no result");
  must(result.outcome === Outcome.REJECTED, `the outcome is ${outcomeName(result.outcome)}`);
  const fields = result.violations.map(({ field }) => field);
  must(fields.length > 0, "the result has no violations");
  must(
    fields.some((field) => isAbout(field, key)),
    `no violation of the result names ${key}; named were: ${fields.join(", ")}`,
    "say in the result what Validate says",
  );
  must(
    result.effect === Effect.NONE,
    `the effect is ${enumNames(Effect)(result.effect)}`,
    "NONE: trying again is safe",
  );
  must(!events.some(({ kind }) => kind === "started"), "it was started all the same");
  return passed;
}

async function judgeSecrecy(kit: Kit): Promise<Verdict> {
  const secrets = await secretConfig(kit);
  await using launched = await kit.launch("native");
  const session = new NativeSession(launched, kit.timeouts.stepMs);
  const { config: wrong, key } = await wrongConfig(kit, true);
  const call = session.execute({ ...wrong, ...(key in secrets ? {} : secrets) });
  const { end, result } = await expectWithin("the end of the execution", call.ended, kit.timeouts.stepMs);
  const offered = await capabilities(kit);
  const probe = offered.probe === true ? await session.probe({ ...(await base(kit)), ...secrets }) : undefined;
  const places = {
    "result of Execute": result,
    "status of Execute": end.message,
    "answer of Probe": probe,
    log: launched.said(),
  };
  const [told] = Object.entries(places).find(([, text]) => (JSON.stringify(text) ?? "").includes(secretText)) ?? [];
  return told === undefined ? passed : failed(`the value of a secret is in the ${told}`, "leave the value out");
}

/** What a replay must bring again. */
function essence({ sequence, kind, timeMs, output, result }: EventNote): unknown {
  return { sequence, kind, timeMs, output, result };
}

function sameOutcome(plain: Recording, other: Recording): Verdict {
  if (other.end.code !== status.OK) return failed(`the stream ended with ${errorText(other.end)}`);
  if (plain.result?.outcome === other.result?.outcome) return passed;
  const [one, two] = [plain, other].map(({ result }) =>
    result === undefined ? "without a result" : outcomeName(result.outcome),
  );
  return failed(`it ended ${two}, though ${one} without them: ${other.result?.message ?? ""}`);
}
