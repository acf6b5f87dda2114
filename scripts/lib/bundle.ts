import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { replaceFile } from "./replace-file.ts";
import { root } from "./root.ts";
import type { Target } from "./targets.ts";

/** Flags that built programs of a kind run with. They are part of what a code cache depends on. */
export function nodeFlagsOf(kind: Target["kind"]): readonly string[] {
  return [`--max-semi-space-size=${semiSpaceMiB[kind]}`, ...commonFlags];
}

/**
 * Node 24 otherwise lets the young generation grow to hundreds of megabytes under load, and a fork costs time by the megabyte. The host's is
 * smaller still, as with it the buffers that output passes through are collected before they add up to a full collection; an executor that
 * starts many jobs is slower with less than this.
 */
const semiSpaceMiB = { executor: 4, command: 2 } as const satisfies Record<Target["kind"], number>;

const commonFlags: readonly string[] = [
  // Output passes through buffers outside the heap, and these count: with a limit near the size of the small heap, every 12 MB of output
  // cost a full collection, which was most of the CPU time of a host.
  "--initial-old-space-size=96",
  // A young generation this small is collected in a millisecond by one thread. Several of them compete with the work itself wherever all CPUs
  // are busy: that was a seventh of the CPU time of a host under load.
  "--no-parallel-scavenge",
];

export interface Bundle {
  readonly bytes: number;
  /** Names the content and the runtime; the file ends with it. */
  readonly checksum: string;
  /** npm packages inside, sorted. */
  readonly packages: readonly string[];
}

/**
 * Bundle a program with everything it imports into one CommonJS file.
 *
 * Only whitespace is minified: shorter names make Node start slower, and stack traces unreadable. What is imported dynamically runs when it
 * is first imported.
 *
 * @param entry absolute, or relative to the checkout; what it imports is looked for in the checkout as well
 * @param outputPath absolute
 */
export async function bundle(entry: string, outputPath: string): Promise<Bundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: outputPath,
    nodePaths: [join(root, "node_modules")],
    write: false,
    bundle: true,
    platform: "node",
    target: "node24",
    supported: { using: true },
    format: "cjs",
    minifyWhitespace: true,
    lineLimit: 160,
    legalComments: "none",
    metafile: true,
    // A bundle knows where it is through CommonJS.
    define: { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
    plugins: [withoutProtoLoader, withoutDockerExtras, withReflectionInside, withLazyBuiltins],
    logLevel: "warning",
    logOverride: { "empty-import-meta": "error" },
  });
  const text = inAscii((result.outputFiles[0]?.text ?? "").replace(/^#!.*\n/, ""));
  const checksum = createHash("sha256")
    .update(`${process.version} ${JSON.stringify([semiSpaceMiB, commonFlags])} ${text}`)
    .digest("hex");
  // A function of what CommonJS gives to a module, see boot.cjs.
  const content = `(function (exports, require, module, __filename, __dirname) {${text}})\n// ${checksum}`;
  await replaceFile(outputPath, content);
  return { bytes: content.length, checksum, packages: packagesOf(Object.keys(result.metafile.inputs)) };
}

/** esbuild escapes whatever is not ASCII except in regular expressions, where the same escape means the same. */
function inAscii(script: string): string {
  return script.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * grpc-js loads `.proto` files at run time for its channelz and ORCA services, which nobody here registers. Without the loader for them a
 * bundle loses half its size. Others who import the loader get the real one.
 */
const withoutProtoLoader: Plugin = {
  name: "without-proto-loader",
  setup(context) {
    const namespace = "without-proto-loader";
    context.onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ path, importer }) =>
      importer.includes("/@grpc/grpc-js/") ? { path, namespace } : undefined,
    );
    context.onLoad({ filter: /.*/, namespace }, () => ({
      contents: `exports.loadSync = () => { throw new Error("channelz and ORCA are not part of this build"); };`,
    }));
  },
};

/** The Docker client can also tunnel through SSH, with native code, and drive image builds. Nobody here does; without them it is half as big. */
const withoutDockerExtras: Plugin = {
  name: "without-docker-extras",
  setup(context) {
    const namespace = "without-docker-extras";
    context.onResolve({ filter: /^\.\/(ssh|session|buildkit)$/ }, ({ path, importer }) =>
      /\/(docker-modem|dockerode)\/lib\//.test(importer) ? { path, namespace } : undefined,
    );
    context.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
      contents: `module.exports = () => { throw new Error(${JSON.stringify(`${path} is not part of this build`)}); };`,
    }));
  },
};

/** The reflection service reads its own `.proto` files at run time, from places where a bundle has none: give it their text. */
const withReflectionInside: Plugin = {
  name: "with-reflection-inside",
  setup(context) {
    const load = "protoLoader.loadSync(protoPath, ";
    context.onLoad({ filter: /\/@grpc\/reflection\/.*\/reflection-v1(alpha)?\.js$/ }, async ({ path }) => {
      const version = basename(path, ".js").replace("reflection-", "");
      const proto = join(dirname(path), `../../proto/grpc/reflection/${version}/reflection.proto`);
      const text = JSON.stringify(await readFile(proto, "utf8"));
      const source = await readFile(path, "utf8");
      if (!source.includes(load)) return { errors: [{ text: `${path} has changed: it no longer says ${load}` }] };
      return {
        contents: source.replace(load, `protoLoader.fromJSON(require("protobufjs").parse(${text}).root.toJSON(), `),
      };
    });
  },
};

/** Modules of Node that grpc-js asks for at once, and needs in rare cases only: 2 MB of memory for each process. */
const withLazyBuiltins: Plugin = {
  name: "with-lazy-builtins",
  setup(context) {
    const namespace = "lazy-builtin";
    context.onResolve({ filter: /^(zlib|dns)$/ }, ({ path, importer }) =>
      importer.includes("/@grpc/grpc-js/") ? { path, namespace } : undefined,
    );
    context.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require("node:${path}")[name] });`,
    }));
  },
};

function packagesOf(inputs: readonly string[]): string[] {
  const names = inputs.map((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? "");
  return [...new Set(names)].filter((name) => name !== "").toSorted();
}
