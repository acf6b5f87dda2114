import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { startCli, runCli, type StartedCli } from "../../host/cli/fixtures/run-cli.ts";
import { HostClient } from "../../host/client/client.ts";
import { loadSettings } from "../../host/settings/settings.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { PluginsDir } from "../support/plugins.ts";
import { TempDir } from "../support/temp-dir.ts";
import { assertNothingLeft } from "../support/test-host.ts";

interface Scene {
  readonly dir: TempDir;
  readonly flags: readonly string[];
  /** Start `serve` and wait until it is ready. */
  serve(...args: readonly string[]): Promise<{ host: StartedCli; client: HostClient }>;
}

async function scene(t: TestContext, ...executors: readonly string[]): Promise<Scene> {
  const dir = await TempDir.create();
  const plugins = await PluginsDir.create(dir.join("plugins"));
  for (const name of executors) await plugins.fixture(name);
  const flags = ["--plugins-dir", plugins.path, "--state-dir", dir.join("state"), "--runtime-dir", dir.join("run")];
  const clients: HostClient[] = [];
  const hosts: StartedCli[] = [];
  t.after(async () => {
    for (const client of clients) await client[Symbol.asyncDispose]();
    for (const { child, done } of hosts) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await done;
    }
    await dir[Symbol.asyncDispose]();
  });
  return {
    dir,
    flags,
    async serve(...args) {
      const host = startCli(["serve", "--json", ...flags, ...args]);
      hosts.push(host);
      const [line] = (await once(host.child.stdout, "data")) as [Buffer];
      const { event, addresses } = JSON.parse(line.toString()) as { event: string; addresses: string[] };
      assert.equal(event, "ready");
      const client = await HostClient.connect(addresses.at(-1) ?? "");
      clients.push(client);
      return { host, client };
    },
  };
}

test("an address that is taken is told in one line, and what can be done in another", guard, async (t) => {
  const { flags } = await scene(t);
  const server = createServer();
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const address = `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stderr } = await runCli(["serve", ...flags, "--listen", address, "--log-level", "error"]);
  assert.equal(code, 75);
  assert.match(
    stderr,
    /^error: cannot listen on tcp:127\.0\.0\.1:\d+: listen EADDRINUSE: [^\n[\]]*\n *hint: [^\n]*choose another address[^\n]*\n$/,
  );
});

function settingsIn(dir: TempDir) {
  const flags = { "state-dir": dir.join("state"), "runtime-dir": dir.join("run") };
  return loadSettings({
    flags,
    env: {},
    installDir: dir.path,
    surroundings: { systemDir: dir.path, homeDir: dir.path },
  }).settings;
}

/** Wait until an execution's job is at work. */
async function atWork(client: HostClient, id: string): Promise<void> {
  for await (const event of client.watch(id)) if (event.type === "output") return;
}

test("serve announces itself, runs jobs for others, and leaves nothing behind", guard, async (t) => {
  const { dir, serve } = await scene(t, "echo");
  const { host } = await serve();
  const { code, stdout } = await runCli(["run", "echo", "text=hi"], {
    env: { EXECUTOR_HOST_RUNTIME_DIR: dir.join("run"), EXECUTOR_HOST_STATE_DIR: dir.join("state") },
  });
  assert.deepEqual([code, stdout], [0, "hi"]);
  host.child.kill("SIGTERM");
  const ended = await host.done;
  assert.equal(ended.code, 0);
  const messages = ended.stderr
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { message: string }).message);
  assert.equal(messages[0], "starting");
  assert.ok(messages.includes("ready"));
  assert.equal(messages.at(-1), "stopped");
  await assertNothingLeft(settingsIn(dir));
});

test("serve listens on TCP of this machine, and says which port it got", guard, async (t) => {
  const { serve } = await scene(t, "noop");
  const { client } = await serve("--listen", "tcp:127.0.0.1:0");
  assert.match(client.address, /^tcp:127\.0\.0\.1:[1-9]\d*$/);
  assert.deepEqual(
    (await client.listExecutors()).executors.map(({ name }) => name),
    ["noop"],
  );
});

test("the first signal lets what runs finish and accepts nothing new", guard, async (t) => {
  const { serve } = await scene(t, "sleeper");
  const { host, client } = await serve();
  const { execution } = await client.submit({ id: "last", executor: "sleeper" });
  await atWork(client, execution.spec.id);
  host.child.kill("SIGTERM");
  await eventually("the host drains", () => host.stderr().includes('"draining'));
  await assert.rejects(client.submit({ executor: "sleeper" }), { code: "HOST_DRAINING" });
  const following = client.watch("last");
  await client.cancel("last", { reason: "done" });
  let outcome: string | undefined;
  for await (const event of following) if (event.type === "result") ({ outcome } = event.result);
  assert.equal(outcome, "CANCELLED");
  assert.equal((await host.done).code, 0);
});

test("the second signal stops what still runs", guard, async (t) => {
  const { dir, serve } = await scene(t, "sleeper");
  const { host, client } = await serve();
  await client.submit({ id: "long", executor: "sleeper" });
  await atWork(client, "long");
  const following = client.watch("long");
  host.child.kill("SIGINT");
  await eventually("the host drains", () => host.stderr().includes('"draining'));
  host.child.kill("SIGINT");
  let outcome: string | undefined;
  for await (const event of following) if (event.type === "result") ({ outcome } = event.result);
  assert.equal(outcome, "CANCELLED");
  assert.equal((await host.done).code, 0);
  await assertNothingLeft(settingsIn(dir));
});

test("two hosts do not share a state directory", guard, async (t) => {
  const { flags, serve } = await scene(t, "noop");
  const { client } = await serve();
  const second = await runCli(["serve", ...flags, "--listen", "tcp:127.0.0.1:0"]);
  assert.equal(second.code, 75);
  assert.match(second.stderr, /\nerror: /);
  assert.deepEqual((await client.listExecutors()).executors.length, 1);
});

test("serve refuses wrong settings, all at once, before it does anything", guard, async (t) => {
  const { dir, flags } = await scene(t);
  const remote = await runCli(["serve", ...flags, "--listen", "tcp:0.0.0.0:7000"]);
  assert.equal(remote.code, 78);
  assert.match(
    remote.stderr,
    /^error: setting listen may not be reachable from other machines: tcp:0\.0\.0\.0:7000 .*\nhint: .*loopback/,
  );
  const both = await runCli(["serve", ...flags, "--retention", "soon", "--log-level", "loud"]);
  assert.equal(both.code, 78);
  assert.match(both.stderr, /^error: 2 settings are invalid\n {2}retention: .*\n {2}log-level: .*\n$/);
  assert.ok(!existsSync(dir.join("state")), "a state directory was made");
});
