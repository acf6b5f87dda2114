import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { isRunning } from "../../support/processes.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { Agent } from "./agent.ts";
import { buildGuard, buildPeer, skipWithoutGo, type Release } from "./peers.ts";

const plugins = join(import.meta.dirname, "../../../dist/plugins");
/** What Dkron keeps of a job's output. */
const storedBytes = 256_000;
const unicode = "Grüße, 世界 🚀";

/** Agents of these releases; earlier ones have no field for a failure, and would take each one for a success. */
const agents = { "v4.0.9": { streams: true }, "v3.2.7": { streams: true }, "v2.0.6": { streams: false } } as const;

let dir: TempDir;
let server: Server;

describe("a host that treats executors as Dkron's agent does", { skip: skipWithoutGo }, () => {
  before(async () => {
    dir = await TempDir.create();
    await mkdir(dir.join("plugins"));
    for (const name of ["shell", "http"]) await install(name, dir.join("plugins"));
    // No executor, whatever it is called.
    await writeFile(dir.join("plugins", "dkron-readme-first"), "");
    server = createServer((request, response) => {
      response.statusCode = Number(request.url?.slice(1));
      response.end(`body of ${request.url}: ${unicode}`);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    for (const release of Object.keys(agents) as Release[]) await buildPeer("agent", release);
  }, buildGuard);
  after(async () => {
    server?.close();
    server?.closeAllConnections();
    await dir?.[Symbol.asyncDispose]();
  }, guard);

  for (const [release, { streams }] of Object.entries(agents) as [Release, { streams: boolean }][]) {
    describe(release, () => {
      let agent: Agent;
      before(async () => {
        agent = await start(release, [dir.join("plugins")]);
      }, guard);
      after(() => agent?.[Symbol.asyncDispose](), guard);

      test("finds our executors by the names of their files", guard, () => {
        assert.deepEqual([...agent.executors.keys()].toSorted(), ["http", "shell"]);
      });

      test("runs a shell job: output is stored, and was there while the job ran", guard, async () => {
        const gate = dir.join(`gate-${release}`);
        const command = `echo "${unicode} $ENV_JOB_NAME"; while [ ! -e '${gate}' ]; do sleep 0.01; done; echo late >&2`;
        const job = agent.run(
          "shell",
          { command, shell: "true" },
          {
            job: "nächtlich",
            onUpdate: ({ text }) => void (text.includes(unicode) && writeFile(gate, "")),
          },
        );
        // Nothing tells when a job without updates has begun.
        if (!streams) await writeFile(gate, "");
        const { success, error, stored, updates, status } = await job;
        assert.deepEqual({ success, error, status }, { success: true, error: "", status: "" });
        assert.equal(stored.toString(), `${unicode} nächtlich\nlate\n`);
        const expected = [
          { text: `${unicode} nächtlich\n`, isError: false },
          { text: "late\n", isError: true },
        ];
        assert.deepEqual(updates, streams ? expected : []);
      });

      test("stores a failure as Dkron's own executor tells it, with the output behind it", guard, async () => {
        const { success, stored } = await agent.run("shell", { command: `sh -c "echo so far; exit 3"` });
        assert.equal(success, false);
        assert.equal(stored.toString(), "exit status 3\nso far\n");
      });

      test("stores a failure even where the output fills all there is to store", guard, async () => {
        const command = "head -c 1000000 /dev/zero | tr '\\0' x; echo the end; exit 1";
        const { stored } = await agent.run("shell", { command, shell: "true" });
        assert.equal(stored.length, storedBytes);
        assert.match(stored.toString(), /^exit status 1\nx+the end\n$/);
      });

      test("gets output that is no text as it is", guard, async () => {
        const { output } = await agent.run("shell", { command: "printf '\\377\\000\\200x'" });
        assert.deepEqual([...output], [0xff, 0, 0x80, 0x78]);
      });

      test("gets a job's time limit as Dkron's own executor tells it, with a remark", guard, async () => {
        const config = { command: "trap '' TERM; echo on; sleep 600", shell: "true", timeout: "300ms", grace: "100ms" };
        const { error, output } = await agent.run("shell", config);
        assert.equal(error, "signal: killed");
        assert.match(output.toString(), /^warning: timed out after 300ms .*\non\n$/s);
      });

      test("gets the answer to an http request, and why one failed", guard, async () => {
        const url = (status: number): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${status}`;
        const good = await agent.run("http", { method: "GET", url: url(200), expectCode: "200" });
        assert.deepEqual([good.success, good.stored.toString()], [true, `body of /200: ${unicode}`]);
        const bad = await agent.run("http", { method: "GET", url: url(500) });
        assert.deepEqual(
          [bad.success, bad.stored.toString()],
          [false, `status 500, expected 200-299\nbody of /500: ${unicode}`],
        );
        const asInDkron = await agent.run("http", { method: "GET", url: url(500), expectCode: "any" });
        assert.deepEqual([asInDkron.success, asInDkron.stored.toString()], [true, `body of /500: ${unicode}`]);
      });

      test(
        "is told what is wrong with a config, and of a key that nobody knows, by executors that go on",
        guard,
        async () => {
          const headers = await agent.run("http", {
            method: "GET",
            url: "http://127.0.0.1:1/",
            headers: '["no colon"]',
          });
          assert.match(headers.error, /^invalid config: headers/);
          const operator = await agent.run("shell", { command: "true && false" });
          assert.match(operator.error, /^invalid config: command "true && false" holds & outside quotes/);
          const misspelt = await agent.run("shell", { command: "echo done", tiemout: "5s" });
          assert.equal(misspelt.success, true);
          assert.match(
            misspelt.stored.toString(),
            /^warning: tiemout is not a known key .*did you mean timeout.*\ndone\n$/s,
          );
          for (const pid of agent.executors.values()) assert.ok(isRunning(pid));
        },
      );

      test("runs many jobs at once in one process, and gets each one's own output", guard, async () => {
        const numbers = Array.from({ length: 24 }, (_, index) => index);
        const jobs = numbers.map((number) =>
          agent.run("shell", { command: `sh -c "echo ${number}; exit ${number % 2}"` }),
        );
        for (const [number, { error, output }] of (await Promise.all(jobs)).entries()) {
          const expected = { error: number % 2 === 0 ? "" : "exit status 1", output: `${number}\n` };
          assert.deepEqual({ error, output: output.toString() }, expected);
        }
      });

      test("leaves nothing when it ends, not even when it is killed amid a job", guard, async () => {
        const temporary = dir.join(`tmp-${release}`);
        await mkdir(temporary);
        const ending = await start(release, [dir.join("plugins")], temporary);
        await ending.run("shell", { command: "true" });
        await ending[Symbol.asyncDispose]();
        assert.deepEqual([...ending.executors.values()].filter(isRunning), []);
        assert.deepEqual(ownFiles(temporary), []);

        const killed = await start(release, [dir.join("plugins")], temporary);
        const file = dir.join(`pid-${release}`);
        const job = killed.run("shell", {
          command: `echo $$ > ${file}.new; mv ${file}.new ${file}; sleep 600`,
          shell: "true",
        });
        await eventually("the job runs", () => existsSync(file));
        killed.process.kill("SIGKILL");
        await assert.rejects(job, /the agent has ended/);
        const pids = [...killed.executors.values(), Number(readFileSync(file, "utf8"))];
        await eventually("the executors and the job end", () => !pids.some(isRunning));
        await eventually("their files are gone", () => ownFiles(temporary).length === 0);
      });
    });
  }

  test("takes the last of two executors of one name, as Dkron does", guard, async () => {
    for (const [place, executor] of [
      ["first", "http"],
      ["second", "shell"],
    ] as const) {
      await mkdir(dir.join(place));
      await install(executor, dir.join(place), "some");
    }
    await using agent = await start("v4.0.9", [dir.join("first"), dir.join("second")]);
    assert.equal((await agent.run("some", { command: "true" })).error, "");
  });

  test("starts every executor that is built here", guard, async () => {
    await using agent = await start("v4.0.9", [plugins]);
    const names = globSync(join(plugins, "dkron-executor-*")).map((path) =>
      basename(path).slice("dkron-executor-".length),
    );
    assert.deepEqual([...agent.executors.keys()].toSorted(), names.toSorted());
  });

  test("ends with what is wrong, when a file of such a name is no executor", guard, async () => {
    await mkdir(dir.join("bad"));
    await cp(join(import.meta.dirname, "go.mod"), dir.join("bad", "dkron-executor-bad"));
    await assert.rejects(start("v4.0.9", [dir.join("bad")]), /dkron-executor-bad/);
  });
});

function install(executor: string, directory: string, as = executor): Promise<void> {
  return symlink(join(plugins, `dkron-executor-${executor}`), join(directory, `dkron-executor-${as}`));
}

async function start(release: Release, directories: readonly string[], temporary = dir.path): Promise<Agent> {
  return Agent.start(await buildPeer("agent", release), directories, { ...process.env, TMPDIR: temporary });
}

/** Without the sockets of a Go host's own broker, which it leaves behind. */
function ownFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => !/^plugin\d+$/.test(name));
}
