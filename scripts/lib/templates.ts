import { existsSync, globSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { languages, type Language } from "../../host/scaffold/languages.ts";
import type { TemplateFile, Templates } from "../../host/scaffold/templates.ts";
import { root } from "./root.ts";
import { packSdk } from "./sdk-package.ts";

const examples = "executors/examples";
const protoFiles = ["executor/v1/executor.proto", "goplugin/health.proto", "goplugin/plugin.proto"];
/** Where the template's package.json expects the SDK. */
const sdkPath = "vendor/executor-host-sdk.tgz";

/** Make the templates of `executor-host new` of the examples, so that they cannot differ from them. */
export async function packTemplates(): Promise<Templates> {
  const found = languages.filter(({ name }) => existsSync(join(root, examples, name)));
  return Object.fromEntries(
    await Promise.all(found.map(async (language) => [language.name, await filesOf(language)] as const)),
  );
}

async function filesOf({ name, hasProto }: Language): Promise<readonly TemplateFile[]> {
  const own = join(examples, name);
  const directories = [...(await sourcesIn(own)).map((path) => [own, path]), ["executors/examples/common", "check"]];
  const files = await Promise.all(directories.map(([from = "", path = ""]) => textFile(join(from, path), path)));
  if (hasProto) {
    for (const file of protoFiles) files.push(await textFile(join("proto", file), join("proto", file)));
  } else {
    files.push({ path: sdkPath, isExecutable: false, base64: (await packSdk()).toString("base64") });
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is in a folder but for what its `.gitignore` names, which builds leave. */
async function sourcesIn(directory: string): Promise<readonly string[]> {
  const ignored = (await readFile(join(root, directory, ".gitignore"), "utf8"))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const exclude = ignored.map((line) => (line.startsWith("/") ? line.slice(1) : `**/${line}`).replace(/\/$/, ""));
  return globSync(["**/*", "**/.*"], { cwd: join(root, directory), exclude, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, directory).length + 1));
}

async function textFile(from: string, path: string): Promise<TemplateFile> {
  const source = join(root, from);
  const { mode } = await stat(source);
  return { path, isExecutable: (mode & 0o100) !== 0, text: await readFile(source, "utf8") };
}
