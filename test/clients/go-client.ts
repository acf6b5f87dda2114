import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copyProtos, root, run, runs, type Command } from "./client.ts";

/** Where Go's own installer puts it, for machines that do not have it in PATH. */
const places = ["go", "/usr/local/go/bin/go"];

/** Go, if it is here. */
export async function findGo(): Promise<string | undefined> {
  for (const place of places) if (await runs(place, "version")) return place;
  return undefined;
}

/**
 * Build a Go client, from the .proto files on.
 *
 * @param directory an empty directory to build in; Go keeps what it downloads and compiles elsewhere
 * @param program the folder of its `main`, relative to `go/`
 */
export async function buildGoClient(go: string, directory: string, program = "."): Promise<Command> {
  await cp(join(root, "test/clients/go"), directory, { recursive: true });
  await copyProtos(join(directory, "proto"));
  const packages = ["host/v1/host", "executor/v1/executor"].map(
    (file) => `M${file}.proto=executor-host.test/clients/gen/${file.slice(0, file.lastIndexOf("/"))}`,
  );
  const plugins = [];
  for (const tool of ["protoc-gen-go", "protoc-gen-go-grpc"]) {
    const local = await run([go, "tool", "-n", tool], directory);
    plugins.push({ local, out: "gen", opt: ["paths=source_relative", ...packages] });
  }
  const template = join(directory, "buf.gen.json");
  await writeFile(template, JSON.stringify({ version: "v2", plugins }));
  await run([join(root, "node_modules/.bin/buf"), "generate", "proto", "--template", template], directory);
  const file = join(directory, "client");
  await run([go, "build", "-o", file, `./${program}`], directory);
  return [file];
}
