import assert from "node:assert/strict";
import test from "node:test";
import type { LocalRun } from "@executor-host/sdk/testing";
import { useShell } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };
const heartbeatTimeoutMs = 400;

const beats = ({ events }: LocalRun) =>
  events.flatMap((event) => (event.type === "heartbeat" && event.fromWork ? [event.details] : []));

test("a job gives signs of life by touching a file, and says how far it has come by writing to it", hang, async (t) => {
  const run = useShell(t).start(
    {
      shell: "true",
      command:
        'touch "$EXECUTION_HEARTBEAT_FILE"; read line; echo "row 500" > "$EXECUTION_HEARTBEAT_FILE"; echo told; exec sleep 60',
      payload: Buffer.from("go\n").toString("base64"),
    },
    { heartbeatTimeoutMs },
  );
  await run.waitFor((event) => event.type === "heartbeat" && event.fromWork && event.details?.["text"] === "row 500");
  run.cancel({ graceMs: 5_000 });
  const { events } = await run.finished;
  assert.equal(events[0]?.type, "started");
});

test("what a job says last is told, however soon it ends after that", hang, async (t) => {
  const command = 'echo first > "$EXECUTION_HEARTBEAT_FILE"; echo last > "$EXECUTION_HEARTBEAT_FILE"; exit 3';
  const run = await useShell(t).run({ shell: "true", command }, { heartbeatTimeoutMs: 3_600_000 });
  assert.equal(run.report.exitCode, 3);
  assert.deepEqual(beats(run).at(-1), { text: "last" });
  assert.equal(run.events.at(-1)?.type, "result");
});

test("another file in its place is as good, and what is no file of the job is none", hang, async (t) => {
  const shell = useShell(t);
  const replace =
    'echo new > "$EXECUTION_HEARTBEAT_FILE.tmp"; mv "$EXECUTION_HEARTBEAT_FILE.tmp" "$EXECUTION_HEARTBEAT_FILE"';
  const replaced = await shell.run({ shell: "true", command: replace }, { heartbeatTimeoutMs });
  assert.deepEqual(beats(replaced).at(-1), { text: "new" });
  const link = 'ln -sf /etc/passwd "$EXECUTION_HEARTBEAT_FILE"';
  const linked = await shell.run({ shell: "true", command: link }, { heartbeatTimeoutMs });
  assert.ok(!JSON.stringify(beats(linked)).includes("root"), JSON.stringify(beats(linked)));
  const fifo = 'rm "$EXECUTION_HEARTBEAT_FILE"; mkfifo "$EXECUTION_HEARTBEAT_FILE"';
  assert.equal((await shell.run({ shell: "true", command: fifo }, { heartbeatTimeoutMs })).report.outcome, "SUCCEEDED");
  const gone = 'rm "$EXECUTION_HEARTBEAT_FILE"';
  assert.deepEqual(beats(await shell.run({ shell: "true", command: gone }, { heartbeatTimeoutMs })), []);
});

test("the next attempt finds what the last one said", hang, async (t) => {
  const shell = useShell(t);
  const command = "printenv EXECUTION_LAST_HEARTBEAT";
  const after = async (heartbeatDetails: Record<string, unknown>) =>
    (await shell.run({ command }, { attempt: 2, heartbeatDetails: heartbeatDetails as never })).stdout.toString();
  assert.equal(await after({ text: "row 500" }), "row 500\n");
  assert.equal(await after({ row: 500 }), '{"row":500}\n', "from an executor that was another one then");
  const none = await shell.run({ command });
  assert.equal(none.report.exitCode, 1);
});

test("a job without a heartbeat limit gets no file", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "printenv EXECUTION_HEARTBEAT_FILE" });
  assert.equal(report.exitCode, 1);
});
