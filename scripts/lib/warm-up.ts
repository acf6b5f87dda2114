import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Metadata } from "@grpc/grpc-js";
import { ExecutorServiceClient } from "@executor-host/proto/executor";
import { launchPlugin } from "@executor-host/goplugin/client";
import type { Target } from "./targets.ts";

/** Dkron's own; every executor expects it. */
const magicCookie = {
  key: "DKRON_PLUGIN_MAGIC_COOKIE",
  value: "b29a76488b6f3ca7955c5f769b50641f0fcd88748d8cedecda313d516320ca19",
};

const timeoutMs = 20_000;

/**
 * Run a program once, from start to a normal end, on what most of its runs have in common.
 *
 * @param args of Node, with the program in them
 * @throws what went wrong: the program is then broken
 */
export async function warmUp(target: Target, args: readonly string[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "eh-build-"));
  try {
    await (target.kind === "executor" ? describe(args, directory) : runJob(args, directory));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Start an executor as a host does, and ask it who it is. */
async function describe(args: readonly string[], runtimeDir: string): Promise<void> {
  const command = process.execPath;
  await using plugin = await launchPlugin({ command, args, env: {}, magicCookie, appVersions: [2], runtimeDir });
  const client = plugin.client(ExecutorServiceClient);
  const deadline = Date.now() + timeoutMs;
  await new Promise<void>((resolve, reject) => {
    client.describe({}, new Metadata(), { deadline }, (error) => (error ? reject(error) : resolve()));
  });
}

/** Run one job, which needs a host, a client and the shell executor. */
async function runJob(args: readonly string[], home: string): Promise<void> {
  const env = { PATH: process.env["PATH"], HOME: home, TMPDIR: home };
  await promisify(execFile)(process.execPath, [...args, "run", "shell", "command=true"], { env, timeout: timeoutMs });
}
