import assert from "node:assert/strict";
import test from "node:test";
import { wrapLaunch, type LaunchSteps } from "./launcher.ts";

const program = { file: "/bin/prog", args: ["a b", "$x"] };
const helpers = {
  shell: (): [string] => ["/bin/sh"],
  setpriv: () => "/usr/bin/setpriv",
  unshare: () => "/usr/bin/unshare",
};
const noHelper = (): never => assert.fail("no helper is needed here");
const onlyShell = { ...helpers, setpriv: noHelper, unshare: noHelper };
const noHelpers = { ...onlyShell, shell: noHelper };

test("a job without extra steps is started as it is", () => {
  assert.equal(wrapLaunch(program, {}, noHelpers), undefined);
  assert.equal(
    wrapLaunch(program, { resourceLimits: {}, noNewPrivileges: false, umask: undefined }, noHelpers),
    undefined,
  );
});

const scripts: readonly [name: string, steps: LaunchSteps, line: string][] = [
  ["wait", { waitForGo: true }, "read -r go <&3 || exit 125"],
  ["cwd", { cwd: "/a b/it's" }, `cd '/a b/it'\\''s' || exit 125`],
  ["input", { stdinFile: "/a;b" }, "exec < '/a;b' || exit 125"],
  ["open files", { resourceLimits: { openFiles: 64 } }, "ulimit -n 64 || exit 125"],
  ["file size, in blocks", { resourceLimits: { fileSize: 1025 } }, "ulimit -f 3 || exit 125"],
  ["no core files", { resourceLimits: { coreSize: 0 } }, "ulimit -c 0 || exit 125"],
  ["umask", { umask: 0o027 }, "umask 027 || exit 125"],
];
for (const [name, steps, line] of scripts) {
  test(`a launcher takes the step: ${name}`, () => {
    const launch = wrapLaunch(program, steps, onlyShell);
    assert.equal(launch?.file, "/bin/sh");
    const [flag, script = "", name0, ...rest] = launch?.args ?? [];
    assert.equal(flag, "-c");
    assert.ok(script.split("\n").includes(line), script);
    assert.equal(name0, "launcher");
    assert.deepEqual(rest, ["/bin/prog", "a b", "$x"]);
  });
}

test("the last thing a launcher does is to hand over", () => {
  const script = wrapLaunch(program, { umask: 0 }, onlyShell)?.args[1] ?? "";
  assert.deepEqual(script.split("\n").slice(-3), ["echo done >&3", "exec 2>&4 3>&- 4>&-", 'exec "$@"']);
});

test("privileges are given up by setpriv", () => {
  const rest = wrapLaunch(program, { noNewPrivileges: true }, helpers)?.args.slice(3);
  assert.deepEqual(rest, ["/usr/bin/setpriv", "--no-new-privs", "--", "/bin/prog", "a b", "$x"]);
});

test("a pid namespace dies with its first process and with this one", () => {
  const words = wrapLaunch(program, { pidNamespace: "in-user-namespace" }, helpers)?.args.slice(3).join(" ") ?? "";
  assert.match(
    words,
    /^\/usr\/bin\/setpriv --pdeathsig KILL -- \/usr\/bin\/unshare --fork --pid --kill-child --mount-proc --user --map-current-user -- \/bin\/sh -c /,
  );
  assert.doesNotMatch(wrapLaunch(program, { pidNamespace: "plain" }, helpers)?.args.join(" ") ?? "", /--user/);
});
