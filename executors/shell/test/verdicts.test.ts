import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { needsRoot } from "./support/needs.ts";
import { useShell } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };

const verdicts: readonly [code: number, outcome: string, retryability: string | undefined][] = [
  [0, "SUCCEEDED", undefined],
  [4, "SUCCEEDED", undefined],
  [12, "SUCCEEDED", undefined],
  [75, "FAILED", "RETRYABLE"],
  [65, "FAILED", "PERMANENT"],
  [126, "FAILED", "PERMANENT"],
  [127, "FAILED", "RETRYABLE"],
  [1, "FAILED", undefined],
];
for (const [code, outcome, retryability] of verdicts) {
  test(
    `exit code ${code} is ${outcome}, ${retryability ?? "of unknown retryability"}, by the lists of the job`,
    hang,
    async (t) => {
      const { report } = await useShell(t).run({
        command: `exit ${code}`,
        shell: "true",
        success_codes: "0,4",
        skip_codes: "10-12",
        retry_codes: "75,127",
        permanent_codes: "64-66",
      });
      assert.equal(report.outcome, outcome);
      assert.equal(report.retryability, retryability);
      assert.equal(report.exitCode, code);
      assert.equal(report.evidence?.["skipped"], code === 12 ? true : undefined);
    },
  );
}

test("exit code 0 fails when it is not in the list of the job", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "true", success_codes: "3" });
  assert.equal(report.outcome, "FAILED");
  assert.equal(report.message, "exit status 0");
});

test("a command that the shell cannot find is explained", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "no-such-command-anywhere", shell: "true" });
  assert.equal(report.exitCode, 127);
  assert.match(report.hint ?? "", /PATH/);
});

test("named outputs come with the evidence", hang, async (t) => {
  const { report } = await useShell(t).run({
    command: 'printf "rows=12\\nfile=/a b=c\\nrows=13\\nnot an output\\n" > "$EXECUTION_OUTPUT_FILE"',
    shell: "true",
    outputs: "true",
  });
  assert.deepEqual(report.evidence?.["outputs"], { rows: "13", file: "/a b=c" });
  assert.deepEqual(report.warnings, ["named outputs: line 4 is not NAME=value"]);
});

test("without outputs there is no file for them", hang, async (t) => {
  const { stdout, report } = await useShell(t).run({ command: "echo ${EXECUTION_OUTPUT_FILE-none}", shell: "true" });
  assert.equal(stdout.toString(), "none\n");
  assert.equal(report.evidence?.["outputs"], undefined);
});

test("a job cannot have somebody else's file read as its named outputs", hang, async (t) => {
  if (!needsRoot(t)) return;
  const shell = useShell(t);
  writeFileSync(`${shell.directory}/secret`, "KEY=secret\n", { mode: 0o600 });
  const { report } = await shell.run({
    command: `ln -sf ${shell.directory}/secret "$EXECUTION_OUTPUT_FILE"; mkfifo "$EXECUTION_OUTPUT_FILE".fifo`,
    shell: "true",
    su: "nobody",
    outputs: "true",
  });
  assert.deepEqual(report.evidence?.["outputs"], {});
  assert.equal(readFileSync(`${shell.directory}/secret`, "utf8"), "KEY=secret\n");
});

test("many and long named outputs are cut, with a remark", hang, async (t) => {
  const { report } = await useShell(t).run({
    command:
      'i=0; while [ $i -lt 150 ]; do echo "n$i=$i"; i=$((i+1)); done > "$EXECUTION_OUTPUT_FILE"; head -c 100000 /dev/zero >> "$EXECUTION_OUTPUT_FILE"',
    shell: "true",
    outputs: "true",
  });
  assert.equal(Object.keys(report.evidence?.["outputs"] as object).length, 100);
  assert.match(report.warnings?.join("\n") ?? "", /only the first 65536 bytes[\s\S]*only the first 100 names/);
});
