import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { root } from "./root.ts";

/** What the SDK offers, by the name that authors import. */
const entries = {
  ".": "executors/sdk/index.ts",
  "./testing": "executors/sdk/testing/index.ts",
  "./remote": "executors/sdk/remote/index.ts",
} as const;
const workspaces = ["executors/sdk", "goplugin", "proto"];

/**
 * Make an npm package of the SDK for authors outside this checkout: what it needs of ours is inside, with types; what it needs of others are its
 * dependencies.
 *
 * @returns the package as npm takes it, a tarball; always the same bytes for the same sources
 */
export async function packSdk(): Promise<Buffer> {
  const staging = await mkdtemp(join(tmpdir(), "executor-host-sdk-"));
  try {
    const packageDir = join(staging, "package");
    const dependencies = await foreignDependencies();
    await Promise.all([writeCode(packageDir, Object.keys(dependencies)), writeTypes(packageDir, staging)]);
    await writeFile(join(packageDir, "package.json"), JSON.stringify(await manifest(dependencies), undefined, 2));
    await writeFile(join(packageDir, "README.md"), await readFile(join(root, "executors/sdk/README.md")));
    const archive = join(staging, "sdk.tgz");
    const fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];
    await promisify(execFile)("tar", [...fixed, "--use-compress-program=gzip -n", "-cf", archive, "package"], {
      cwd: staging,
    });
    return await readFile(archive);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Of the workspaces that go into the package, what they need of others. */
async function foreignDependencies(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const workspace of workspaces) {
    const { dependencies = {} } = JSON.parse(await readFile(join(root, workspace, "package.json"), "utf8")) as {
      readonly dependencies?: Readonly<Record<string, string>>;
    };
    for (const [name, version] of Object.entries(dependencies)) {
      if (!name.startsWith("@executor-host/")) found[name] = version;
    }
  }
  return found;
}

async function manifest(dependencies: Readonly<Record<string, string>>): Promise<object> {
  const sdk = JSON.parse(await readFile(join(root, "executors/sdk/package.json"), "utf8")) as Record<string, unknown>;
  const exported = Object.entries(entries).map(([name, source]) => [
    name,
    {
      types: `./types/${withoutSuffix(source)}.d.ts`,
      default: `./${withoutSuffix(relative("executors/sdk", source))}.js`,
    },
  ]);
  const { name, version, description, license } = sdk;
  return {
    name,
    version,
    description,
    license,
    type: "module",
    exports: Object.fromEntries(exported) as object,
    dependencies,
    engines: { node: ">=24" },
  };
}

async function writeCode(packageDir: string, external: readonly string[]): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: Object.values(entries),
    outbase: "executors/sdk",
    outdir: packageDir,
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node24",
    format: "esm",
    external: [...external],
    chunkNames: "shared/[hash]",
    logLevel: "warning",
  });
}

/** The declarations that the entries lead to. Ours import each other by path, as there is one package only. */
async function writeTypes(packageDir: string, staging: string): Promise<void> {
  const out = join(staging, "types");
  const config = join(staging, "tsconfig.json");
  // Types are checked elsewhere.
  const emit = { noEmit: false, noCheck: true, declaration: true, emitDeclarationOnly: true };
  const options = { ...emit, outDir: out, rootDir: root };
  await writeFile(
    config,
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: { ...options, typeRoots: [join(root, "node_modules/@types")] },
      // Named, as declarations of what is found below node_modules, be it by a link, are not written.
      include: workspaces.map((workspace) => join(root, workspace)),
      exclude: ["**/*.test.ts", "**/fixtures"],
    }),
  );
  await promisify(execFile)(join(root, "node_modules/.bin/tsc"), ["--project", config]);
  const modules = new Set(Object.values(entries).map(withoutSuffix));
  // Grows on the way.
  for (const module of modules) {
    const text = (await readFile(join(out, `${module}.d.ts`), "utf8")).replaceAll(
      /(\bfrom |\bimport\()"(\.[^"]+|@executor-host\/[^"]+)"/g,
      (_, before: string, specifier: string) => {
        const target = withoutSuffix(sourceOf(specifier, module));
        modules.add(target);
        const path = relative(dirname(module), target);
        return `${before}"${path.startsWith(".") ? path : `./${path}`}.js"`;
      },
    );
    const file = join(packageDir, "types", `${module}.d.ts`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** The file, relative to the checkout, that a module of ours imports. */
function sourceOf(specifier: string, module: string): string {
  if (specifier.startsWith(".")) return join(dirname(module), specifier);
  return relative(root, fileURLToPath(import.meta.resolve(specifier)));
}

function withoutSuffix(file: string): string {
  return file.replace(/\.ts$/, "");
}
