import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { unpackDebianPackages } from "./debian-packages.ts";
import { engineAnswers, engineCommand, enginePackages, enginePath, engineReady } from "./docker-engine.ts";
import type { Service, ServiceContext } from "./service.ts";

const run = promisify(execFile);

/** Who may pull from the registry. */
const registryUser = { username: "tester", password: "open-sesame" };
/** The password above, as htpasswd keeps it. */
const registryHash = "$2b$04$x8GPtmvGsI6Lz7ViFji8DOu1aYdosLj97onETbfs8fQsO.UkuMcPC";
const systemSocket = "/var/run/docker.sock";
const registryReadyMs = 30_000;
const pollMs = 50;

/** Small images, by name and Dockerfile. */
const images: Readonly<Record<string, string>> = {
  "executor-host-test/stubborn:1": `CMD ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]`,
  "executor-host-test/healthy:1": `HEALTHCHECK --interval=1s --timeout=5s --retries=3 CMD test -e /tmp/ready
CMD ["sh", "-c", "touch /tmp/ready; echo serving; sleep 600 & wait"]`,
  "executor-host-test/unhealthy:1": `HEALTHCHECK --interval=1s --timeout=5s --retries=1 CMD false
CMD ["sh", "-c", "echo serving; sleep 600 & wait"]`,
};
const busybox = "executor-host-test/busybox:1";

/**
 * A Docker engine, and a registry that asks for a password.
 *
 * Where an engine answers already (DOCKER_HOST, or the system's socket), that is used, and only the images of the tests are added to it and
 * taken away again. Otherwise Debian's is started, as root, beside everything else.
 */
export const docker: Service = {
  name: "docker",
  summary: "a Docker engine with images made from Debian's busybox-static, and Debian's docker-registry",

  async install({ cacheDir, signal, log }) {
    log("unpacking Debian's docker.io, unless it is there");
    await unpackDebianPackages(enginePackages, rootOf(cacheDir), signal);
  },

  async start(context) {
    const { directory, cacheDir, signal } = context;
    const root = rootOf(cacheDir);
    const host = (await foreignEngine(signal)) ?? (await ownEngine(context));
    writeFileSync(join(directory, "remove.json"), JSON.stringify({ host, root }));
    // An engine takes a registry on loopback without TLS.
    const command = (...args: readonly string[]) => dockerCommand(root, host, args, signal);
    await makeImages(context, command);
    const registry = await startRegistry(context);
    const pushed = `${registry}/private/busybox:1`;
    await command("tag", busybox, pushed);
    await command("login", "--username", registryUser.username, "--password", registryUser.password, registry);
    await command("push", pushed);
    await command("rmi", pushed);
    return {
      endpoints: {
        host,
        registry,
        ...registryUser,
        busybox,
        stubborn: "executor-host-test/stubborn:1",
        healthy: "executor-host-test/healthy:1",
        unhealthy: "executor-host-test/unhealthy:1",
        private: pushed,
        root,
      },
    };
  },

  async stop(directory) {
    const { host, root } = readRemoval(directory) ?? {};
    if (host === undefined || root === undefined) return;
    const command = (...args: readonly string[]) => dockerCommand(root, host, args).catch(() => "");
    const all = await command("ps", "-aq", "--filter", "label=io.executor-host.execution");
    const containers = all.split("\n").filter((id) => id !== "");
    if (containers.length > 0) await command("rm", "--force", "--volumes", ...containers);
    await command("rmi", "--force", busybox, ...Object.keys(images));
    await unmountNetworks(directory);
  },
};

/** An engine leaves the network of containers with the machine's own mounted, also after its end. */
async function unmountNetworks(directory: string): Promise<void> {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  const networks = join(directory, "engine/exec/netns/");
  for (const path of mounts.map((line) => line.split(" ")[1] ?? "").filter((each) => each.startsWith(networks))) {
    await run("umount", ["--lazy", path]);
  }
}

function rootOf(cacheDir: string): string {
  return join(cacheDir, "root");
}

/** An engine that is there anyway. Undefined: none answers. */
async function foreignEngine(signal: AbortSignal): Promise<string | undefined> {
  const named = process.env["DOCKER_HOST"];
  const socket = named?.startsWith("unix://") === true ? named.slice("unix://".length) : systemSocket;
  return (await engineAnswers(socket, signal)) ? `unix://${socket}` : undefined;
}

async function ownEngine({ directory, cacheDir, signal, spawn, log }: ServiceContext): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error("no engine answers, and only root can start one");
  const { command, args, env, socket } = engineCommand(rootOf(cacheDir), join(directory, "engine"));
  log("starting dockerd");
  spawn("dockerd", command, args, env);
  await engineReady(socket, signal);
  return `unix://${socket}`;
}

async function makeImages({ directory, cacheDir, signal }: ServiceContext, command: Command): Promise<void> {
  const tree = join(directory, "busybox");
  const program = join(rootOf(cacheDir), "bin/busybox");
  for (const path of ["bin", "tmp", "etc"]) await mkdir(join(tree, path), { recursive: true });
  await copyFile(program, join(tree, "bin/busybox"));
  const { stdout } = await run(program, ["--list"], { signal });
  for (const applet of stdout.split("\n")) {
    if (applet !== "" && applet !== "busybox") await symlink("busybox", join(tree, "bin", applet));
  }
  await writeFile(join(tree, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n");
  const archive = join(directory, "busybox.tar");
  await run("tar", ["-C", tree, "-cf", archive, "."], { signal });
  await command("import", "--change", "ENV PATH=/bin", "--change", `CMD ["sh"]`, archive, busybox);
  for (const [name, lines] of Object.entries(images)) {
    const context = join(directory, "build");
    await mkdir(context, { recursive: true });
    await writeFile(join(context, "Dockerfile"), `FROM ${busybox}\n${lines}\n`);
    await command("build", "--quiet", "--network", "none", "--tag", name, context);
  }
}

/** @returns its address, as it stands in front of image names */
async function startRegistry({ directory, cacheDir, signal, spawn }: ServiceContext): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const passwords = join(directory, "htpasswd");
  await writeFile(passwords, `${registryUser.username}:${registryHash}\n`);
  const config = join(directory, "registry.yml");
  const settings = {
    version: 0.1,
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: join(directory, "registry") } },
    http: { addr: address },
    auth: { htpasswd: { realm: "tests", path: passwords } },
  };
  await writeFile(config, JSON.stringify(settings));
  spawn("registry", join(rootOf(cacheDir), "usr/bin/docker-registry"), ["serve", config]);
  const deadline = Date.now() + registryReadyMs;
  for (;;) {
    const answer = await fetch(`http://${address}/v2/`, { signal }).catch(() => undefined);
    if (answer?.status === 401) return address;
    if (Date.now() > deadline) throw new Error(`the registry does not answer on ${address}`);
    await sleep(pollMs, undefined, { signal });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

type Command = (...args: readonly string[]) => Promise<string>;

/** @returns what it printed @throws {Error} with what it complained about */
async function dockerCommand(
  root: string,
  host: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  // Logins go to a directory that is not the user's.
  const env = { PATH: enginePath(root), HOME: "/nonexistent", DOCKER_HOST: host, DOCKER_BUILDKIT: "0" };
  const directory = join(root, "../login");
  const { stdout } = await run(join(root, "usr/bin/docker"), ["--config", directory, ...args], { env, signal });
  return stdout;
}

/** @returns undefined when the start did not come that far */
function readRemoval(directory: string): { readonly host: string; readonly root: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, "remove.json"), "utf8")) as { host: string; root: string };
  } catch {
    return undefined;
  }
}
