/**
 * Shows the main job end to end, through the same command that an operator types. Each step says what it shows, prints the command, and lets its
 * output through as it comes.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const root = resolve(import.meta.dirname, "..");
const command = join(root, "dist/bin/executor-host");
const builtPlugins = join(root, "dist/plugins");
const startTimeoutMs = 30_000;
const color = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;

await using cleanUp = new AsyncDisposableStack();
const directory = await mkdtemp(join(tmpdir(), "quickstart-"));
cleanUp.defer(() => rm(directory, { recursive: true, force: true }));
/** Set by a signal: from then on nothing more is shown. */
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    // Ends this process as the signal would have, as it is listened for no more.
    void cleanUp.disposeAsync().finally(() => process.kill(process.pid, signal));
  });
}
const socket = `unix:${directory}/host.sock`;
const plugins = join(directory, "plugins");
/** Inherited by the host, its executors and their jobs: by this, anything left of them would be found. */
const temporary = join(directory, "tmp");
const environment = { ...process.env, EXECUTOR_HOST_ADDRESS: socket, TMPDIR: temporary };

await mkdir(plugins);
await mkdir(temporary);
for (const name of ["dkron-executor-shell", "dkron-executor-http"])
  await symlink(join(builtPlugins, name), join(plugins, name));
const crasher = join(plugins, "dkron-executor-crasher");
const crasherSource = join(root, "scripts/quickstart-crasher.ts");
await writeFile(crasher, `#!/bin/sh\nexec '${process.execPath}' '${crasherSource}' "$@"\n`);
await chmod(crasher, 0o755);

heading("A host, on embedded defaults");
const settings = [
  "--plugins-dir",
  plugins,
  "--state-dir",
  join(directory, "state"),
  "--runtime-dir",
  join(directory, "run"),
];
const host = start("serve", ...settings, "--listen", socket, "--log-level", "error", "--log-format", "text");
cleanUp.defer(() => stop(host));
await ready();
await run(0, "executors");

heading("A shell job: its output comes while it runs");
await run(0, "run", "shell", "shell=true", "command=for i in 1 2 3 4; do echo tick $i; sleep 0.4; done");

heading("An http job, against a server in this process");
const server = createServer((request, response) => {
  response.setHeader("content-type", "text/plain");
  response.end(`hello to ${request.headers["user-agent"] ?? "somebody"}\n`);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
await run(0, "run", "http", "method=GET", `url=http://127.0.0.1:${port}/`, "expectBody=hello");
server.closeAllConnections();
server.close();

heading("A job that overruns its time is killed, with everything it started");
await run(
  124,
  "run",
  "shell",
  "shell=true",
  "command=sleep 600 & sleep 600",
  "--attempt-timeout",
  "1s",
  "--grace",
  "2s",
);

heading("An executor that crashes hurts only its own job");
const neighbour = start("run", "shell", "shell=true", "command=for i in 1 2 3; do echo still here; sleep 0.5; done");
// Listened for now: it may end while the other one crashes.
const neighbourExit = once(neighbour, "exit");
await sleep(500);
await run(70, "run", "crasher", "after=100ms");
const [neighbourCode] = (await neighbourExit) as [number | null];
expectCode("the neighbour", neighbourCode, 0);

heading("What the host remembers");
await run(0, "list");

await stop(host);
const left = leftRunning();
if (left.length > 0) throw new Error(`still running: ${left.join(", ")}`);
console.log(`\n${bold("Done.")} Nothing is left running. Next: ${bold("dist/bin/executor-host --help")} and README.md`);

function heading(text: string): void {
  console.log(`\n${bold(`== ${text}`)}`);
}

function bold(text: string): string {
  return color ? `\u001b[1m${text}\u001b[0m` : text;
}

function start(...args: string[]): ChildProcess {
  const shown = args.map((arg) => (/^[\w./:=@-]+$/.test(arg) ? arg : `'${arg}'`));
  console.log(`$ executor-host ${shown.join(" ").replaceAll(directory, "$DIR")}`);
  return spawn(command, args, { stdio: ["ignore", "inherit", "inherit"], env: environment });
}

async function run(expected: number, ...args: string[]): Promise<void> {
  const [code] = (await once(start(...args), "exit")) as [number | null];
  if (isInterrupted) await new Promise(() => {});
  expectCode(args.join(" "), code, expected);
  if (expected !== 0) console.log(`(exit code ${code}, as it should be)`);
}

function expectCode(what: string, code: number | null, expected: number): void {
  if (code !== expected) throw new Error(`${what}: exit code ${code}, expected ${expected}`);
}

/** The host answers when its socket does. */
async function ready(): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const probe = spawn(command, ["executors", "--json"], { stdio: "ignore", env: environment });
    const [code] = (await once(probe, "exit")) as [number | null];
    if (code === 0) return;
    if (host.exitCode !== null || Date.now() > deadline) throw new Error("the host did not start");
    await sleep(100);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** Processes with our directory in their environment. */
function leftRunning(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`TMPDIR=${temporary}`);
    } catch {
      return false; // ended in the meantime, or not ours to read
    }
  });
}
