import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePorts } from "./free-ports.ts";
import type { Service } from "./service.ts";

const run = promisify(execFile);
/** Its tasks are simulated: they are looked after, and nothing runs. */
const emulator = "moto==5.2.5";
/** What its server needs; the package's own list has much that is for other parts of AWS. */
const serverNeeds = ["flask", "flask-cors"];
const quickly = ["--quiet", "--disable-pip-version-check", "--no-compile"];
const readyMs = 60_000;
const pollMs = 100;

/** An emulator of the AWS API, with ECS, CloudWatch Logs and STS. */
export const ecs: Service = {
  name: "ecs",
  summary: "moto's server from PyPI, which emulates the API of ECS, CloudWatch Logs and STS",

  async install({ cacheDir, signal, log }) {
    const environment = join(cacheDir, "venv");
    if (existsSync(join(environment, "bin/moto_server"))) return;
    log(`installing ${emulator}`);
    try {
      await run("python3", ["-m", "venv", environment], { signal });
      await run(join(environment, "bin/pip"), ["install", ...quickly, emulator, ...serverNeeds], {
        signal,
      });
    } catch (error) {
      // Half an environment would be taken for a whole one.
      await rm(environment, { recursive: true, force: true });
      throw new Error(`cannot install ${emulator}: python3 with venv and pip is needed`, { cause: error });
    }
  },

  async start({ cacheDir, signal, spawn, log }) {
    const [port] = await freePorts(1);
    log("starting moto_server");
    spawn("moto", join(cacheDir, "venv/bin/moto_server"), ["-H", "127.0.0.1", "-p", String(port)]);
    const api = `http://127.0.0.1:${port}`;
    const deadline = Date.now() + readyMs;
    while (!(await answers(api, signal))) {
      if (Date.now() > deadline) throw new Error(`moto_server does not answer on ${api}`);
      await sleep(pollMs, undefined, { signal });
    }
    return { endpoints: { api, region: "eu-west-1" } };
  },
};

async function answers(api: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await fetch(`${api}/moto-api/data.json`, { signal })).ok;
  } catch {
    return false;
  }
}
