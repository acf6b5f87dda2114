import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { useShell } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };

test("a job inherits only what a program needs", hang, async (t) => {
  Object.assign(process.env, { LC_TIME: "C", HOST_SECRET: "x", PLUGIN_CLIENT_CERT: "y" });
  t.after(() => ["LC_TIME", "HOST_SECRET", "PLUGIN_CLIENT_CERT"].forEach((name) => delete process.env[name]));
  const { stdout } = await useShell(t).run({ command: "env" });
  const names = stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0]);
  const allowed =
    /^(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|USER|LOGNAME|SHELL|ENV_JOB_NAME|JOB_NAME|EXECUTION_\w+|EXECUTOR_HOST_JOB)$/;
  assert.deepEqual(
    names.filter((name) => !allowed.test(name ?? "")),
    [],
  );
  assert.ok(names.includes("LC_TIME"));
  assert.ok(names.includes("PATH"));
});

test("inherit_env all passes on everything but what concerns the plugin", hang, async (t) => {
  Object.assign(process.env, { HOST_SETTING: "x", PLUGIN_CLIENT_CERT: "y", DKRON_PLUGIN_MAGIC_COOKIE: "z" });
  t.after(() =>
    ["HOST_SETTING", "PLUGIN_CLIENT_CERT", "DKRON_PLUGIN_MAGIC_COOKIE"].forEach((name) => delete process.env[name]),
  );
  const { stdout } = await useShell(t).run({ command: "env", inherit_env: "all" });
  assert.match(stdout.toString(), /^HOST_SETTING=x$/m);
  assert.doesNotMatch(stdout.toString(), /PLUGIN/);
});

test("a job carries the tag of its host, unless it may leave processes behind", hang, async (t) => {
  process.env["EXECUTOR_HOST_TAG"] = "instance/7";
  t.after(() => delete process.env["EXECUTOR_HOST_TAG"]);
  const shell = useShell(t);
  const command = "printenv EXECUTOR_HOST_TAG";
  for (const inherit_env of ["none", "all"]) {
    const { stdout } = await shell.run({ command, inherit_env });
    assert.equal(stdout.toString(), "instance/7\n");
    const { stdout: kept } = await shell.run({ command, inherit_env, background: "keep", success_codes: "1" });
    assert.equal(kept.toString(), "");
  }
});

test("inherit_env takes names and beginnings of names", hang, async (t) => {
  Object.assign(process.env, { APP_A: "1", APP_B: "2", OTHER: "3" });
  t.after(() => ["APP_A", "APP_B", "OTHER"].forEach((name) => delete process.env[name]));
  const { stdout } = await useShell(t).run({
    command: "sh -c 'echo $APP_A$APP_B$OTHER$HOME; test -n \"$PATH\"'",
    inherit_env: "APP_*",
  });
  assert.equal(stdout.toString(), "12\n");
});

test("inherit_env none leaves only PATH and who the job is", hang, async (t) => {
  const { stdout } = await useShell(t).run({ command: "env", inherit_env: "none" });
  const names = stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0] ?? "");
  assert.deepEqual(names.toSorted(), [
    "ENV_JOB_NAME",
    "EXECUTION_ATTEMPT",
    "EXECUTION_ID",
    "EXECUTOR_HOST_JOB",
    "JOB_NAME",
    "PATH",
  ]);
});

test("a job knows who it is", hang, async (t) => {
  const shell = useShell(t);
  const deadline = new Date(Date.now() + 3_600_000);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const { stdout } = await shell.run(
    { command: "printenv JOB_NAME EXECUTION_ID EXECUTION_ATTEMPT EXECUTION_DEADLINE TRACEPARENT TRACESTATE" },
    { id: "e-1", attempt: 3, jobName: "nightly", deadline, traceContext: { traceparent, tracestate: "a=b" } },
  );
  assert.equal(stdout.toString(), ["nightly", "e-1", "3", deadline.toISOString(), traceparent, "a=b", ""].join("\n"));
});

test("EXECUTION_DEADLINE is the job's own timeout when that comes first", hang, async (t) => {
  const deadline = new Date(Date.now() + 7_200_000);
  const { stdout } = await useShell(t).run({ command: "printenv EXECUTION_DEADLINE", timeout: "1h" }, { deadline });
  const ms = Date.parse(stdout.toString().trim()) - Date.now();
  assert.ok(ms > 3_500_000 && ms <= 3_600_000);
});

test("env_file is read, and env wins over it", hang, async (t) => {
  const shell = useShell(t);
  writeFileSync(`${shell.directory}/a.env`, "# comment\n\nA=1\nexport B=two words \nC='kept'\nD=x=y\r\n");
  writeFileSync(`${shell.directory}/b.env`, "A=2\n");
  const { stdout } = await shell.run({
    command: 'printf \'%s|\' "$A" "$B" "$C" "$D" "$E"',
    shell: "true",
    env_file: `${shell.directory}/a.env,${shell.directory}/b.env`,
    env: "E=env,C=won",
  });
  assert.equal(stdout.toString(), "2|two words |won|x=y|env|");
});

test("a variable whose name is none to a shell arrives, also when the job needs a launcher", hang, async (t) => {
  const shell = useShell(t);
  const env = '{"spring.datasource.url":"jdbc:x","A-B":"1"}';
  for (const more of [{}, { umask: "022" }, { mem_limit: "1GB" }]) {
    const { stdout, report } = await shell.run({ command: "env", env, ...more });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.match(stdout.toString(), /^spring\.datasource\.url=jdbc:x$/m);
    assert.match(stdout.toString(), /^A-B=1$/m);
  }
});

test("an env_file with a line that is none names the line, not its content", hang, async (t) => {
  const shell = useShell(t);
  writeFileSync(`${shell.directory}/a.env`, "A=1\nSECRET VALUE\n");
  const { report } = await shell.run({ command: "true", env_file: `${shell.directory}/a.env` });
  assert.equal(report.code, "ENV_FILE_UNREADABLE");
  assert.match(report.message ?? "", /line 2 is not NAME=value/);
  assert.doesNotMatch(JSON.stringify(report), /SECRET/);
});

test("an env_file that is missing or too large fails before the job has begun", hang, async (t) => {
  const shell = useShell(t);
  const missing = await shell.run({ command: "true", env_file: "/no/such.env" });
  assert.equal(missing.report.code, "ENV_FILE_UNREADABLE");
  assert.match(missing.report.message ?? "", /No such file/);
  const large = await shell.run({ command: "true", env_file: "/dev/zero" });
  assert.match(large.report.message ?? "", /it has more than \d+ bytes/);
});
