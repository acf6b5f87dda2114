import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import test, { type TestContext } from "node:test";
import { needsRoot } from "./support/needs.ts";
import { useShell } from "./support/use-shell.ts";

// Every key of Dkron's shell executor, in the forms its documentation and source allow.

const hang = { timeout: 60_000 };

async function outputOf(t: TestContext, config: Readonly<Record<string, string>>): Promise<string> {
  const { report, output } = await useShell(t).run(config, { jobName: "nightly" });
  assert.equal(report.outcome, "SUCCEEDED", report.message);
  return output.toString();
}

test("command is split into words without a shell", hang, async (t) => {
  assert.equal(await outputOf(t, { command: `printf '[%s]' a "b c" d\\ e $HOME *` }), "[a][b c][d e][$HOME][*]");
});

for (const value of ["1", "t", "T", "TRUE", "true", "True"]) {
  test(`shell ${value} has /bin/sh run the command`, hang, async (t) => {
    assert.equal(await outputOf(t, { command: "echo a | tr a b && echo $((1+1)); echo c", shell: value }), "b\n2\nc\n");
  });
}

for (const value of ["0", "f", "F", "FALSE", "false", "False", ""]) {
  test(`shell ${JSON.stringify(value)} runs the program itself`, hang, async (t) => {
    assert.equal(await outputOf(t, { command: "echo $HOME", shell: value }), "$HOME\n");
  });
}

test("shell true with an empty command succeeds", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "", shell: "true" }), "");
});

test("env is taken in comma form, the later of two equal names counts", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "echo $A,$B", shell: "true", env: "A=1,B=x=y,A=2" }), "2,x=y\n");
});

test("env is taken as a JSON object, values with commas, newlines and quotes included", hang, async (t) => {
  const env = JSON.stringify({ A: "1,2", B: "x\ny", C: `"'` });
  assert.equal(await outputOf(t, { command: `printf '%s|' "$A" "$B" "$C"`, shell: "true", env }), `1,2|x\ny|"'|`);
});

test("an empty env adds nothing", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "echo ok", env: "" }), "ok\n");
});

test("env wins over what is inherited", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "echo $LANG", shell: "true", env: "LANG=xx" }), "xx\n");
});

test("the job's name is in ENV_JOB_NAME", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "printenv ENV_JOB_NAME" }), "nightly\n");
});

test("a job's name with a comma arrives whole", hang, async (t) => {
  const { stdout } = await useShell(t).run({ command: "printenv ENV_JOB_NAME" }, { jobName: "a,b" });
  assert.equal(stdout.toString(), "a,b\n");
});

test("cwd is the working directory", hang, async (t) => {
  const shell = useShell(t);
  const cwd = `${shell.directory}/it's here`;
  mkdirSync(cwd);
  const { stdout } = await shell.run({ command: "sh -c 'pwd; echo $PWD'", cwd });
  assert.equal(stdout.toString(), `${cwd}\n${cwd}\n`);
});

test("without cwd a job works where the executor does", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "pwd" }), `${process.cwd()}\n`);
});

test("su user runs as that user with its primary group and no others", hang, async (t) => {
  if (!needsRoot(t)) return;
  assert.match(
    await outputOf(t, { command: "id", su: "nobody" }),
    /^uid=65534\(nobody\) gid=65534\((nogroup|nobody)\) groups=65534\(\w+\)\n$/,
  );
});

test("su user:group runs with that group", hang, async (t) => {
  if (!needsRoot(t)) return;
  assert.match(
    await outputOf(t, { command: "id", su: "nobody:daemon" }),
    /^uid=65534\(nobody\) gid=1\(daemon\) groups=1\(daemon\)\n$/,
  );
});

test("su takes numbers", hang, async (t) => {
  if (!needsRoot(t)) return;
  assert.equal(await outputOf(t, { command: "sh -c 'id -u; id -g'", su: "65534:1" }), "65534\n1\n");
});

test("su gives the job the home, name and shell of its user", hang, async (t) => {
  if (!needsRoot(t)) return;
  assert.equal(
    await outputOf(t, { command: "echo $HOME $USER $LOGNAME", shell: "true", su: "nobody" }),
    "/nonexistent nobody nobody\n",
  );
});

test("payload reaches standard input, decoded", hang, async (t) => {
  const bytes = Buffer.from([0, 255, 10, 128, 65]);
  const { stdout } = await useShell(t).run({ command: "cat", payload: bytes.toString("base64") });
  assert.deepEqual(stdout, bytes);
});

test("payload may be broken into lines", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "cat", payload: "aGVs\r\nbG8=\n" }), "hello");
});

test("without payload standard input is empty", hang, async (t) => {
  assert.equal(await outputOf(t, { command: "sh -c 'cat; readlink /proc/self/fd/0'" }), "/dev/null\n");
});

for (const timeout of ["0", "0s", "1h", "1.5h", "2h45m", "90000ms"]) {
  test(`timeout ${timeout} lets a short job pass`, hang, async (t) => {
    assert.equal(await outputOf(t, { command: "echo ok", timeout }), "ok\n");
  });
}

for (const mem_limit of [
  "1073741824",
  "1048576B",
  "1048576bytes",
  "1048576K",
  "1048576kb",
  "512M",
  "512MB",
  "1g",
  "1.5GB",
  "0.5T",
  "1tb",
]) {
  test(`mem_limit ${mem_limit} lets a small job pass`, hang, async (t) => {
    assert.equal(await outputOf(t, { command: "echo ok", mem_limit }), "ok\n");
  });
}

const refused: readonly [key: string, value: string, why: RegExp][] = [
  ["shell", "yes", /"yes" is not true or false/],
  ["shell", "tru", /"tru" is not true or false/],
  ["timeout", "30", /"30" is not a duration/],
  ["timeout", "-1s", /"-1s" is shorter than 0s/],
  ["timeout", "soon", /"soon" is not a duration/],
  ["mem_limit", "512 MB", /"512 MB" is not a size/],
  ["mem_limit", "0", /less than/],
  ["mem_limit", "-5", /"-5" is not a size/],
  ["mem_limit", "1PB", /"1PB" is not a size/],
  ["payload", "not base64!", /not standard base64/],
  ["payload", "aGVsbG8", /not standard base64/],
  ["payload", "aGVsbG8_", /not standard base64/],
  ["env", "A=1,2", /"2" is not NAME=VALUE/],
  ["su", "a:b:c", /does not match/],
  ["cwd", "relative/dir", /not absolute/],
  ["memory_limit", "512m", /is not a known key/],
];
for (const [key, value, why] of refused) {
  test(`${key} ${JSON.stringify(value)} is refused, and nothing is started`, hang, async (t) => {
    const shell = useShell(t);
    const { report, events } = await shell.run({ command: `touch ${shell.directory}/ran`, [key]: value });
    assert.equal(report.outcome, "REJECTED");
    assert.equal(report.effect, "NONE");
    assert.deepEqual(
      report.violations?.map(({ field }) => field),
      [key],
    );
    assert.match(report.violations?.[0]?.message ?? "", why);
    assert.notEqual(report.violations?.[0]?.hint, "");
    assert.deepEqual(
      events.map(({ type }) => type),
      ["result"],
    );
  });
}

test("under Dkron's contract an unknown key is a remark", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "true", memory_limit: "1M" }, { protocol: "dkron" });
  assert.equal(report.outcome, "SUCCEEDED");
  assert.match(
    report.warnings?.join() ?? "",
    /memory_limit is not a known key and was ignored: did you mean mem_limit/,
  );
});
