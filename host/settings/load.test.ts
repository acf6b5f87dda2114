import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isHostError, type HostError } from "@executor-host/proto/shared/error";
import { settingRows } from "./table.ts";
import { loadSettings, type LoadOptions } from "./settings.ts";

interface Scene {
  readonly dir: string;
  load(options?: Partial<LoadOptions>): ReturnType<typeof loadSettings>;
  fail(options?: Partial<LoadOptions>): HostError;
  writeConfig(yaml: string): string;
}

/** A machine with nothing on it: an empty home, no settings file, one plugins directory. */
function scene(t: TestContext): Scene {
  const dir = mkdtempSync(join(tmpdir(), "settings-test-"));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, "install/plugins"), { recursive: true });
  const surroundings = { isRoot: false, homeDir: join(dir, "home"), workingDir: dir, systemDir: join(dir, "etc") };
  const load = (options: Partial<LoadOptions> = {}) =>
    loadSettings({ flags: {}, env: {}, installDir: join(dir, "install"), surroundings, ...options });
  return {
    dir,
    load,
    fail(options) {
      try {
        load(options);
      } catch (error) {
        assert.ok(isHostError(error), String(error));
        return error;
      }
      throw new assert.AssertionError({ message: "the settings were accepted" });
    },
    writeConfig(yaml) {
      const path = join(dir, "config.yaml");
      writeFileSync(path, yaml, { mode: 0o600 });
      return path;
    },
  };
}

test("loadSettings() needs no setting at all", (t) => {
  const { dir, load } = scene(t);
  const { settings, origins, warnings, configPath } = load();
  assert.deepEqual(settings, {
    pluginsDirs: [join(dir, "install/plugins")],
    stateDir: join(dir, "home/.local/state/executor-host"),
    runtimeDir: join(dir, "home/.local/state/executor-host/run"),
    listen: [`unix:${dir}/home/.local/state/executor-host/run/host.sock`],
    maxConcurrentExecutions: 256,
    maxConcurrentPerExecutor: 256,
    maxQueuedExecutions: 10_000,
    limits: { graceMs: 10_000 },
    drainTimeoutMs: 60_000,
    executorStartTimeoutMs: 60_000,
    executorHangTimeoutMs: 10_000,
    executorIdleStopMs: 900_000,
    executorWarm: 0,
    executorMaxProcesses: 256,
    executorRecycleAfter: 0,
    executorMaxAgeMs: 0,
    executorMaxMemoryBytes: 0,
    executorCrashLimit: 5,
    executorPins: new Map(),
    requirePins: false,
    executorIsolation: new Map(),
    executorEnvironment: ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR"],
    autoMtls: true,
    maxConfigBytes: 1_048_576,
    maxOutputBytes: 268_435_456,
    usageIntervalMs: 10_000,
    retentionMs: 604_800_000,
    retentionMaxBytes: 10_737_418_240,
    journalSync: "normal",
    logLevel: "info",
    logFormat: "json",
  });
  assert.deepEqual(new Set(Object.values(origins)), new Set(["default"]));
  assert.deepEqual(warnings, []);
  assert.equal(configPath, undefined);
});

test("root's directories are the machine's", (t) => {
  const { dir, load } = scene(t);
  const surroundings = { isRoot: true, homeDir: dir, workingDir: dir, systemDir: join(dir, "etc") };
  const { settings } = load({ surroundings });
  assert.equal(settings.stateDir, "/var/lib/executor-host");
  assert.equal(settings.runtimeDir, "/run/executor-host");
  assert.deepEqual(settings.listen, ["unix:/run/executor-host/host.sock"]);
});

test("XDG directories are used when they are absolute and there", (t) => {
  const { dir, load } = scene(t);
  const env = { XDG_STATE_HOME: "relative", XDG_RUNTIME_DIR: join(dir, "gone") };
  assert.equal(load({ env }).settings.runtimeDir, join(dir, "home/.local/state/executor-host/run"));
  mkdirSync(join(dir, "rt"));
  const there = load({ env: { XDG_STATE_HOME: join(dir, "st"), XDG_RUNTIME_DIR: join(dir, "rt") } }).settings;
  assert.equal(there.stateDir, join(dir, "st/executor-host"));
  assert.equal(there.runtimeDir, join(dir, "rt/executor-host"));
});

test("flags win over the environment, which wins over the file, which wins over the default", (t) => {
  const { load, writeConfig } = scene(t);
  const configPath = writeConfig("log-level: error\njournal-sync: full\ndrain-timeout: 5s\n");
  const env = { EXECUTOR_HOST_LOG_LEVEL: "warn", EXECUTOR_HOST_JOURNAL_SYNC: "normal" };
  const { settings, origins } = load({ configPath, env, flags: { "log-level": "debug" } });
  assert.equal(settings.logLevel, "debug");
  assert.equal(settings.journalSync, "normal");
  assert.equal(settings.drainTimeoutMs, 5000);
  assert.equal(origins["log-level"], "flag --log-level");
  assert.equal(origins["journal-sync"], "environment EXECUTOR_HOST_JOURNAL_SYNC");
  assert.equal(origins["drain-timeout"], `file ${configPath}:3`);
  assert.equal(origins["retention"], "default");
});

test("the settings file may nest keys or join them with dots", (t) => {
  const { load, writeConfig } = scene(t);
  const nested = writeConfig("limits:\n  attempt-timeout: 30m\n  grace: 2s\n");
  assert.deepEqual(load({ configPath: nested }).settings.limits, { attemptTimeoutMs: 1_800_000, graceMs: 2000 });
  const dotted = writeConfig("limits.queue-timeout: 10s\n");
  assert.deepEqual(load({ configPath: dotted }).settings.limits, { queueTimeoutMs: 10_000, graceMs: 10_000 });
});

test("a limit can be lifted again with none, where the file sets one", (t) => {
  const { load, writeConfig } = scene(t);
  const configPath = writeConfig("limits: { attempt-timeout: 30m }\n");
  assert.deepEqual(load({ configPath, flags: { "limits.attempt-timeout": "none" } }).settings.limits, {
    graceMs: 10_000,
  });
});

test("lists come from YAML lists, from variables with separators and from repeated flags", (t) => {
  const { dir, load, writeConfig } = scene(t);
  const configPath = writeConfig("plugins-dirs: [plugins, ~/mine]\nexecutor-environment: PATH\n");
  const fromFile = load({ configPath }).settings;
  assert.deepEqual(fromFile.pluginsDirs, [join(dir, "plugins"), join(dir, "home/mine")]);
  assert.deepEqual(fromFile.executorEnvironment, ["PATH"]);
  const env = { EXECUTOR_HOST_PLUGINS_DIRS: "/a:/b", EXECUTOR_HOST_LISTEN: "unix:/s,tcp:127.0.0.1:7000" };
  const fromEnv = load({ env }).settings;
  assert.deepEqual(fromEnv.pluginsDirs, ["/a", "/b"]);
  assert.deepEqual(fromEnv.listen, ["unix:/s", "tcp:127.0.0.1:7000"]);
  assert.deepEqual(load({ flags: { "plugins-dirs": ["x", "/y/"] } }).settings.pluginsDirs, [join(dir, "x"), "/y"]);
});

test("values for single executors come from YAML maps, from variables with separators and from repeated flags", (t) => {
  const { load, fail, writeConfig } = scene(t);
  const [a, b] = ["a".repeat(64), "B".repeat(64)] as const;
  const wanted = new Map([
    ["shell", a],
    ["http", b.toLowerCase()],
  ]);
  const configPath = writeConfig(`executor-pins:\n  shell: ${a}\n  http: "sha256:${b}"\n`);
  assert.deepEqual(load({ configPath }).settings.executorPins, wanted);
  const env = { EXECUTOR_HOST_EXECUTOR_PINS: `shell=${a},http=${b}` };
  assert.deepEqual(load({ env }).settings.executorPins, wanted);
  assert.deepEqual(load({ flags: { "executor-pins": [`shell=${a}`, `http=${b}`] } }).settings.executorPins, wanted);
  const problems: readonly (readonly [string, RegExp])[] = [
    ["shell", /^setting executor-pins must be NAME=VALUE, or in YAML a map: \["shell"\] \(flag --executor-pin\)$/],
    ["Shell=1", /^setting executor-pins must name an executor: Shell /],
    ["shell=12", /^setting executor-pins of shell must be a sha256 sum of 64 hexadecimal digits: 12 /],
  ];
  for (const [flag, message] of problems) assert.match(fail({ flags: { "executor-pins": [flag] } }).message, message);
  assert.match(fail({ flags: { "executor-pins": [`x=${a}`, `x=${b}`] } }).message, /names x twice/);
  const number = fail({ configPath: writeConfig(`executor-pins: { shell: ${"1".repeat(64)} }\n`) });
  assert.equal(number.hint, "put it in quotes");
});

test("levels of isolation are read from maps and from text, and written back as text", (t) => {
  const { dir, load, fail, writeConfig } = scene(t);
  const configPath = writeConfig(
    "executor-isolation:\n  '*': { no-new-privileges: true }\n" +
      "  shell: { user: 1000, memory: 512MiB, cpus: 1.5, writable: [work, /srv], no-new-privileges: false }\n",
  );
  const shell = {
    user: "1000",
    memoryBytes: 512 * 1024 ** 2,
    cpus: 1.5,
    writable: [join(dir, "work"), "/srv"],
    noNewPrivileges: undefined,
  };
  const { executorIsolation: fromFile } = load({ configPath }).settings;
  assert.deepEqual(Object.fromEntries(fromFile), { "*": { noNewPrivileges: true }, shell });
  const flags = { "executor-isolation": ["http=user=nobody,pids=20,read-only,writable=/a:/b,memory=none"] };
  const http = { user: "nobody", pids: 20, readOnly: true, writable: ["/a", "/b"], memoryBytes: undefined };
  const { executorIsolation } = load({ flags }).settings;
  assert.deepEqual(executorIsolation, new Map([["http", http]]));
  const row = settingRows.find(({ key }) => key === "executor-isolation");
  assert.equal(row?.kind.format(executorIsolation), "http=user=nobody,pids=20,read-only,writable=/a:/b");
  const problems = [
    ["*=cpu=1", /^setting executor-isolation of \* has no level cpu /],
    [
      "x=cpus=0",
      /^setting executor-isolation of x level cpus must be a number of CPUs such as 0.5 or 2, at least 0.01: "0" /,
    ],
    ["x=", /^setting executor-isolation of x must be LEVEL=VALUE/],
    ["x=read-only=maybe", /read-only must be true or false: maybe/],
    ["x=user=a b", /user must be the name or number of a user: "a b"/],
  ] as const;
  for (const [flag, message] of problems)
    assert.match(fail({ flags: { "executor-isolation": [flag] } }).message, message);
  assert.equal(fail({ flags: { "executor-isolation": ["x=cpu=1"] } }).hint, "did you mean 'cpus'");
});

test("an empty variable counts as not set", (t) => {
  const { load } = scene(t);
  assert.equal(load({ env: { EXECUTOR_HOST_LOG_LEVEL: "" } }).settings.logLevel, "info");
});

test("all bad values and unknown keys are reported at once, with what was probably meant", (t) => {
  const { fail, writeConfig } = scene(t);
  const configPath = writeConfig("log-levle: debug\nretention: 7\nmax-output-bytes: lots\nlimits:\n  grace: fast\n");
  const error = fail({ configPath, env: { EXECUTOR_HOST_AUTO_MTLS: "maybe" } });
  assert.equal(error.code, "SETTINGS_INVALID");
  assert.equal(error.message, "5 settings are invalid");
  const byField = Object.fromEntries(error.violations.map((violation) => [violation.field, violation]));
  assert.equal(byField["log-levle"]?.hint, "did you mean 'log-level'");
  assert.equal(byField["log-levle"].message, `is not a setting (file ${configPath}:1)`);
  assert.equal(byField["retention"]?.hint, "give the unit: 7s or 7ms");
  assert.match(byField["max-output-bytes"]?.message ?? "", /^must be a size such as .*: lots \(file .*:3\)$/);
  assert.match(byField["limits.grace"]?.message ?? "", /^must be a duration .*: fast \(file .*:5\)$/);
  assert.equal(byField["auto-mtls"]?.message, "must be true or false: maybe (environment EXECUTOR_HOST_AUTO_MTLS)");
});

test("a group of settings with a value of its own is told what it holds", (t) => {
  const { fail, writeConfig } = scene(t);
  const configPath = writeConfig("limits: 5\n");
  const { message, hint } = fail({ configPath });
  assert.equal(message, `setting limits must hold settings of its own (file ${configPath}:1)`);
  assert.match(hint, /^such as queue-timeout: there are queue-timeout, start-timeout, /);
});

test("one bad value is told in the message itself", (t) => {
  const { fail } = scene(t);
  const error = fail({ flags: { "max-concurrent-executions": "0" } });
  assert.equal(
    error.message,
    "setting max-concurrent-executions must be a whole number from 1 to 1000000: 0 (flag --max-concurrent-executions)",
  );
});

test("listening beyond loopback is refused", (t) => {
  const { fail } = scene(t);
  for (const address of ["tcp:0.0.0.0:7000", "tcp:[::]:7000", "tcp:192.168.1.2:7000"]) {
    const error = fail({ flags: { listen: ["unix:/s", address] } });
    assert.equal(error.code, "LISTEN_REFUSED");
    assert.match(error.message, /may not be reachable from other machines/);
    assert.match(error.hint, /loopback/);
  }
  assert.equal(fail({ flags: { listen: ["tcp:0.0.0.0:1"], retention: "x" } }).code, "SETTINGS_INVALID");
});

test("a socket path the system could not bind is refused", (t) => {
  const { fail } = scene(t);
  const error = fail({ flags: { listen: [`unix:/${"x".repeat(107)}`] } });
  assert.match(error.message, /too long for a unix socket/);
});

test("a settings file that is not YAML is refused with the place of the mistake", (t) => {
  const { fail, writeConfig } = scene(t);
  const error = fail({ configPath: writeConfig("log-level: debug\nlisten: [unix:/s\n") });
  assert.equal(error.code, "SETTINGS_INVALID");
  assert.match(error.message, /is not valid YAML: line \d+, column \d+/);
  assert.match(fail({ configPath: writeConfig("- a\n- b\n") }).message, /must hold keys and values/);
});

test("a settings file that was asked for must be there, and an empty one is fine", (t) => {
  const { dir, fail, load, writeConfig } = scene(t);
  assert.match(fail({ configPath: join(dir, "none.yaml") }).message, /cannot read the settings file/);
  assert.match(
    fail({ env: { EXECUTOR_HOST_CONFIG: join(dir, "none.yaml") } }).message,
    /cannot read the settings file/,
  );
  assert.equal(load({ configPath: writeConfig("# nothing\n") }).settings.logLevel, "info");
});

test("the user's settings file is read before the machine's", (t) => {
  const { dir, load } = scene(t);
  mkdirSync(join(dir, "etc"));
  writeFileSync(join(dir, "etc/config.yaml"), "log-level: warn\n", { mode: 0o600 });
  assert.equal(load().settings.logLevel, "warn");
  mkdirSync(join(dir, "home/.config/executor-host"), { recursive: true });
  writeFileSync(join(dir, "home/.config/executor-host/config.yaml"), "log-level: error\n", { mode: 0o600 });
  assert.equal(load().settings.logLevel, "error");
  assert.equal(load().configPath, join(dir, "home/.config/executor-host/config.yaml"));
});

test("what looks wrong but does no harm is a warning", (t) => {
  const { dir, load, writeConfig } = scene(t);
  const configPath = writeConfig("plugins-dirs: [nowhere]\n");
  chmodSync(configPath, 0o666);
  const { warnings } = load({ configPath, env: { EXECUTOR_HOST_LOGLEVEL: "debug", EXECUTOR_HOST_TAG: "1" } });
  assert.deepEqual(warnings, [
    `the settings file can be changed by other users: ${configPath}`,
    `the plugins directory does not exist: ${dir}/nowhere`,
    "the environment variable EXECUTOR_HOST_LOGLEVEL is not a setting; did you mean 'EXECUTOR_HOST_LOG_LEVEL'",
  ]);
  assert.match(load({ installDir: join(dir, "none") }).warnings.join(), /there is no plugins directory/);
});
