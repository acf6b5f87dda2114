#!/usr/bin/env node
import { resolve } from "node:path";
import { runCli } from "./cli.ts";
import { InterruptedError, Interrupts } from "./interrupts.ts";
import { Output } from "./output.ts";

// What gRPC itself would write to standard error comes back as an error as well. Read when gRPC is loaded, which is later.
process.env["GRPC_VERBOSITY"] ??= "NONE";

const isSource = import.meta.filename.endsWith(".ts");

const controller = new AbortController();
const interrupts = new Interrupts((signal) => {
  const error = new InterruptedError(signal);
  if (controller.signal.aborted) process.exit(error.exitCode);
  controller.abort(error);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupts.raise(signal));

const context = {
  env: process.env,
  stdin: process.stdin,
  stdout: new Output(process.stdout, process.env, true),
  stderr: new Output(process.stderr, process.env, false),
  // Sources are in `host/cli` of a checkout, which builds into `dist`; a bundle is in `dist/lib`.
  installDir: resolve(import.meta.dirname, isSource ? "../../dist" : ".."),
  interrupts,
  signal: controller.signal,
  trailing: undefined,
  exit: (code: number) => process.exit(code),
};

// Not awaited at the top level: a bundle is CommonJS, which has no such thing.
void runCli(process.argv.slice(2), context).then((code) => {
  process.exitCode = code;
});
