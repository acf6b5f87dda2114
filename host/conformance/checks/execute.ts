import { status } from "@grpc/grpc-js";
import { Outcome } from "@executor-host/proto/executor";
import { maxOutputBytes } from "@executor-host/proto/shared/frame";
import { codeForm, enumNames, errorText } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { sampleRun } from "../facts.ts";
import type { Kit } from "../kit.ts";
import { gapIn, offsetGapIn } from "../stream-order.ts";
import { failed, must, passed, skipped, warned, type Verdict } from "../verdict.ts";

/** One execution, from the request to the result. */
export const executeGroup: CheckGroup = {
  id: "execute",
  title: "Execute",
  checks: [
    {
      id: "execute.started",
      title: "Sends `started` first",
      why: "From then on the work may have an effect, and a host no longer tries again by itself.",
      needs: ["native", "config"],
      async run(kit) {
        const { events, result } = await sampleRun(kit);
        if (result?.outcome === Outcome.REJECTED) return skipped("the sample was rejected");
        const first = events[0]?.kind;
        return first === "started" ? passed : failed(`the first event is ${first ?? "of no known kind"}`);
      },
    },
    {
      id: "execute.sequence",
      title: "Numbers its events 1, 2, 3 ... without gaps",
      why: "Hosts notice lost events by it, and watchers resume by it.",
      needs: ["native", "config"],
      async run(kit) {
        const gap = gapIn((await sampleRun(kit)).events);
        return gap === undefined ? passed : failed(gap);
      },
    },
    {
      id: "execute.result",
      title: "Sends exactly one result, as the last event, and ends the stream with OK",
      why: "A stream without a result is a crash, and two results are two truths.",
      needs: ["native", "config"],
      async run(kit) {
        const { events, end } = await sampleRun(kit);
        const results = events.filter(({ kind }) => kind === "result").length;
        must(results === 1, `there are ${results} results`, "a job that fails has a result too");
        must(events.at(-1)?.kind === "result", `after the result came ${events.at(-1)?.kind}`);
        return end.code === status.OK ? passed : failed(`the stream ended with ${errorText(end)}`);
      },
    },
    {
      id: "execute.outcome",
      title: "Tells how it ended in words that fit",
      why: "Retries, alerts and people act on outcome, code and message.",
      needs: ["native", "config"],
      run: (kit) => judgeOutcome(kit),
    },
    {
      id: "execute.output",
      title: "Sends output in frames of 64 KiB at most, on two channels, each with offsets without gaps",
      why: "Hosts store and resume output by its offsets.",
      needs: ["native", "config"],
      async run(kit) {
        const { events } = await sampleRun(kit);
        const large = events.find(({ output }) => (output?.bytes ?? 0) > maxOutputBytes)?.output;
        must(large === undefined, `a frame holds ${large?.bytes} bytes`, `at most ${maxOutputBytes}`);
        const gap = offsetGapIn(events);
        return gap === undefined ? passed : failed(gap);
      },
    },
    {
      id: "execute.times",
      title: "Gives every event its time",
      why: "Times are how people find out where a job spent its hours.",
      needs: ["native", "config"],
      async run(kit) {
        const { events, calledMs } = await sampleRun(kit);
        let last = calledMs - clockToleranceMs;
        for (const { sequence, timeMs, receivedMs } of events) {
          must(timeMs !== undefined, `event ${sequence} has no time`);
          must(
            timeMs >= last,
            `event ${sequence} happened before ${sequence === 1 ? "the call" : "the one before it"}`,
          );
          must(timeMs <= receivedMs + clockToleranceMs, `event ${sequence} lies in the future`, "UTC, since 1970");
          last = timeMs;
        }
        return passed;
      },
    },
  ],
};

/** Clocks of one machine agree; rounding does not. */
const clockToleranceMs = 1_000;

const outcomeName = enumNames(Outcome);
/** What executors may say; the others are for hosts. */
const ownOutcomes: readonly Outcome[] = [
  Outcome.SUCCEEDED,
  Outcome.FAILED,
  Outcome.TIMED_OUT,
  Outcome.CANCELLED,
  Outcome.OUT_OF_MEMORY,
  Outcome.REJECTED,
];

async function judgeOutcome(kit: Kit): Promise<Verdict> {
  const { result } = await sampleRun(kit);
  if (result === undefined) return skipped("see execute.result");
  const { outcome, code, message } = result;
  must(ownOutcomes.includes(outcome), `the outcome is ${outcomeName(outcome)}`, "it is for hosts to say that");
  must(
    !message.includes("\n"),
    `the message has several lines: ${JSON.stringify(message)}`,
    "one line; details are output or evidence",
  );
  must(codeForm.test(code), `the code is ${JSON.stringify(code)}`, "upper-case snake case");
  if (outcome === Outcome.SUCCEEDED) {
    must(
      code === "" && message === "",
      `it succeeded with the code ${JSON.stringify(code)} and the message ${JSON.stringify(message)}`,
      "leave both empty",
    );
    return passed;
  }
  must(message !== "", `it ended ${outcomeName(outcome)} without a message`, "say why");
  const hint = "give a config that succeeds with --config, for the other checks to mean something";
  return warned(`the sample ended ${outcomeName(outcome)}: ${message}`, hint);
}
