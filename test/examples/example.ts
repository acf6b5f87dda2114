import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";
import { launchExecutor, type Run } from "@executor-host/sdk/testing";
import { runConformance, type ConformanceReport } from "../../host/conformance/conformance.ts";
import type { ConformanceOptions } from "../../host/conformance/options.ts";
import { guard } from "../support/guard.ts";
import { TempDir } from "../support/temp-dir.ts";

/** An example of `executors/examples`, and what tests must know of its language. */
export interface Example {
  /** Its folder, and the word for `executor-host new --lang`. */
  readonly language: string;
  /** The program that must be here. */
  readonly tool: string;
  /** Where its installer puts it, for machines that do not have it in PATH. */
  readonly usualPlaces?: readonly string[];
  /** Arguments that only make it say something. Default `--version`. */
  readonly probe?: readonly string[];
  /** A directory that both builds may share, as it only depends on what is required: a virtual environment, say. */
  readonly shared?: string;
  /** A command that runs a project's own tests, where it has some. */
  readonly ownTests?: readonly [program: string, ...args: string[]];
  /** Variables for builds, such as where to keep what was compiled. */
  readonly env?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, "../..");
/** The first run downloads and compiles. */
const patience = { timeout: 580_000 } as const;

/** Everything that holds for an example in any language: it conforms, it does what all of them do, and it is a good template. */
export function testExample(example: Example): void {
  const { language } = example;
  const tool = findTool(example);
  // Where CI is set, the tool must be there: the build fails without it.
  const skip = tool === undefined && process.env["CI"] === undefined ? `skipped: ${example.tool} not found` : false;

  describe(`the example in ${language}`, { ...patience, skip }, () => {
    const folder = join(root, "executors/examples", language);
    const path = join(folder, "dist/dkron-executor-checksum");
    before(() => runBuild(folder, example, tool), patience);

    test("keeps the contract", patience, async () => {
      await using files = await Files.create();
      const report = await conformance({
        path,
        config: { path: files.small },
        longConfig: { path: files.small, maxBytesPerSecond: "1" },
        floodConfig: { path: `${files.deep}\n`.repeat(floodLines), algorithm: "sha512" },
      });
      assertConforms(report, [
        ...["validate.secrets", "request.secrets", "request.attach", "request.probe"],
        ...["life.deadline", "life.extended", "life.beats"],
      ]);
    });

    test("describes itself as the others do", guard, async () => {
      await using executor = await launchExecutor(path);
      const { name, version, summary, configSchema, capabilities } = await executor.describe();
      assert.deepEqual([name, version, summary], ["checksum", "1.0.0", "Computes and compares digests of files"]);
      assert.deepEqual(Object.keys(configSchema["properties"] ?? {}).toSorted(), [
        "algorithm",
        "expect",
        "maxBytesPerSecond",
        "path",
      ]);
      const { cancel, idempotent, maxConcurrentExecutions } = capabilities;
      assert.deepEqual([cancel, idempotent, maxConcurrentExecutions], [true, true, 16]);
    });

    test("names every key that is wrong", guard, async () => {
      await using executor = await launchExecutor(path);
      for (const { config, fields } of wrongConfigs) {
        const violations = await executor.validate(config);
        assert.deepEqual(violations.map(({ field }) => field).toSorted(), fields, JSON.stringify(config));
        assert.ok(violations.every(({ message }) => message !== ""));
      }
    });

    test("prints digests as sha256sum does, and gives them as evidence", guard, async () => {
      await using files = await Files.create();
      await using executor = await launchExecutor(path);
      for (const algorithm of ["md5", "sha1", "sha256", "sha512"]) {
        const digest = digestOf(files.smallContent, algorithm);
        const expect = digest.toUpperCase();
        const { report, stdout } = await executor.execute({ path: `${files.small}\n`, algorithm, expect });
        assert.equal(stdout.toString(), `${digest}  ${files.small}\n`);
        assert.deepEqual([report.outcome, report.effect], ["SUCCEEDED", "NONE"]);
        assert.deepEqual(report.evidence, { algorithm, files: 1, bytes: files.smallContent.length, digest });
      }
    });

    test("reads several files, the empty one too, and tells how far it has come", guard, async () => {
      await using files = await Files.create();
      await using executor = await launchExecutor(path);
      const { report, stdout, events } = await executor.execute({
        path: `\n ${files.empty}\n\n${files.big}`,
        expect: "",
      });
      const lines = [`${digestOf("", "sha256")}  ${files.empty}`, `${files.bigDigest}  ${files.big}`, ""];
      assert.equal(stdout.toString(), lines.join("\n"));
      assert.deepEqual(report.evidence, { algorithm: "sha256", files: 2, bytes: bigBytes });
      assert.deepEqual([events[0]?.type, events[0]?.type === "started" && events[0].target], ["started", "2 files"]);
      const last = events.findLast(({ type }) => type === "progress");
      assert.equal(last?.type === "progress" && last.fraction, 1);
      assert.deepEqual(last?.type === "progress" && last.details, { bytesDone: bigBytes, bytesTotal: bigBytes });
    });

    test("says what is wrong with a file, for people and for programs", guard, async () => {
      await using files = await Files.create();
      await using executor = await launchExecutor(path);
      const wrongDigest = "0".repeat(32);
      const rightDigest = digestOf(files.smallContent, "md5");
      const missing = files.at("missing");
      const cases: readonly FailureCase[] = [
        {
          config: { path: files.small, algorithm: "md5", expect: wrongDigest },
          code: "DIGEST_MISMATCH",
          message: `${files.small} has the md5 digest ${rightDigest}, not ${wrongDigest}`,
          retryability: "PERMANENT",
        },
        // The second is missing, so the first is not even read.
        {
          config: { path: `${files.small}\n${missing}` },
          code: "FILE_NOT_FOUND",
          message: `${missing} does not exist`,
        },
        { config: { path: root }, code: "NOT_A_FILE", message: `${root} is a directory`, retryability: "PERMANENT" },
        {
          config: { path: "/dev/null" },
          code: "NOT_A_FILE",
          message: "/dev/null is not a regular file",
          retryability: "PERMANENT",
        },
        // The first page of a process is not mapped.
        {
          config: { path: "/proc/self/mem" },
          code: "READ_FAILED",
          message: "/proc/self/mem cannot be read: ",
          retryability: "RETRYABLE",
        },
      ];
      for (const { config, ...wanted } of cases) assertFailed(await executor.execute(config), wanted);
    });

    test("stops within a chunk, and another one goes on", guard, async () => {
      await using files = await Files.create();
      await using executor = await launchExecutor(path);
      const slow = { path: files.small, maxBytesPerSecond: "1" };
      const [one, other] = [executor.start(slow), executor.start(slow)];
      await Promise.all([one.waitForStarted(), other.waitForStarted()]);
      assert.equal(await executor.cancel(one.id), "STOPPING");
      const { report } = await one.finished;
      assert.deepEqual([report.outcome, report.code], ["CANCELLED", "CANCELLED"]);
      assert.match(report.message ?? "", new RegExp(`^stopped after \\d+ of ${files.smallContent.length} bytes$`));
      assert.equal(await executor.cancel(one.id), "FINISHED");
      assert.equal(await executor.cancel(other.id), "STOPPING");
      assert.equal((await other.finished).report.outcome, "CANCELLED");
      assert.equal(await executor.cancel("nobody"), "UNKNOWN");
    });

    test("is a template: a new project builds and keeps the contract", patience, async () => {
      await using files = await Files.create();
      const name = "7-seas_x";
      const project = files.at("project");
      const command = join(root, "dist/bin/executor-host");
      await promisify(execFile)(command, ["new", name, "--lang", language, "--dir", project]);
      if (example.shared !== undefined) {
        await symlink(join(folder, example.shared), join(project, example.shared));
      }
      // What a user types; the whole kit has tried the same sources already.
      const groups = ["start", "link.tls", "describe", "execute", "cancel.stops"].flatMap((group) => ["--only", group]);
      const options = { cwd: project, env: { ...buildEnvironment(example, tool), EXECUTOR_HOST: command } };
      const { stdout } = await promisify(execFile)(join(project, "check"), groups, options);
      assert.match(stdout, new RegExp(`\n${name} 1\\.0\\.0 speaks the native contract.* and conforms: `));
      const [program, ...args] = example.ownTests ?? ["true"];
      await promisify(execFile)(program, args, options);
    });
  });
}

interface FailureCase {
  readonly config: Readonly<Record<string, string>>;
  readonly code: string;
  /** Its beginning. */
  readonly message: string;
  readonly retryability?: string;
}

const longDigest = "a".repeat(64);

const wrongConfigs: readonly { config: Readonly<Record<string, string>>; fields: readonly string[] }[] = [
  { config: { path: "/a\n\n/b ", algorithm: "", expect: "", maxBytesPerSecond: "" }, fields: [] },
  { config: {}, fields: ["path"] },
  { config: { path: " \n" }, fields: ["path"] },
  { config: { path: "/a\nb.txt" }, fields: ["path"] },
  { config: { path: "/a", algorithm: "sha3" }, fields: ["algorithm"] },
  { config: { path: "/a", expect: "12g" }, fields: ["expect"] },
  { config: { path: "/a", expect: longDigest, algorithm: "md5" }, fields: ["expect"] },
  { config: { path: "/a\n/b", expect: longDigest }, fields: ["expect"] },
  { config: { path: "/a", maxBytesPerSecond: "0" }, fields: ["maxBytesPerSecond"] },
  { config: { path: "/a", maxBytesPerSecond: "fast" }, fields: ["maxBytesPerSecond"] },
  { config: { paht: "/a", algorithm: "x" }, fields: ["algorithm", "paht", "path"] },
];

function assertFailed({ report, stdout }: Run, { code, message, retryability }: Omit<FailureCase, "config">): void {
  assert.deepEqual([report.outcome, report.code, report.retryability], ["FAILED", code, retryability]);
  assert.ok(report.message?.startsWith(message), `${report.message} begins with ${message}`);
  assert.equal(report.effect, "NONE");
  if (code !== "DIGEST_MISMATCH") assert.equal(stdout.length, 0);
}

/** Where digests come from in these tests. */
function digestOf(content: string | Buffer, algorithm: string): string {
  return createHash(algorithm).update(content).digest("hex");
}

const bigBytes = 3_000_000;
/** Lines of output; each is as long as the path, which is longer than its digest. */
const floodLines = 6_000;
const segmentLength = 200;

/** Files to read. */
class Files implements AsyncDisposable {
  readonly #dir: TempDir;
  readonly smallContent = "not much\n".repeat(100);
  readonly bigDigest = digestOf(Buffer.alloc(bigBytes), "sha256");
  readonly small: string;
  readonly big: string;
  readonly empty: string;
  /** A small one with a long path, which makes long lines. */
  readonly deep: string;

  private constructor(dir: TempDir) {
    this.#dir = dir;
    this.small = dir.join("small file");
    this.big = dir.join("big");
    this.empty = dir.join("empty");
    this.deep = dir.join(...Array.from({ length: 7 }, () => "d".repeat(segmentLength)), "file");
  }

  static async create(): Promise<Files> {
    const files = new Files(await TempDir.create());
    await mkdir(dirname(files.deep), { recursive: true });
    await Promise.all([
      writeFile(files.small, files.smallContent),
      writeFile(files.big, "").then(() => truncate(files.big, bigBytes)),
      writeFile(files.empty, ""),
      writeFile(files.deep, "deep"),
    ]);
    return files;
  }

  at(name: string): string {
    return this.#dir.join(name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dir[Symbol.asyncDispose]();
  }
}

/** @returns the path by which it can be called; undefined when it is not here */
function findTool({ tool, usualPlaces = [], probe = ["--version"], env }: Example): string | undefined {
  return [tool, ...usualPlaces].find((path) => {
    try {
      execFileSync(path, probe, { stdio: "ignore", env: { ...process.env, ...env } });
      return true;
    } catch {
      return false; // Perhaps in the next place.
    }
  });
}

function buildEnvironment({ env }: Example, tool: string | undefined): NodeJS.ProcessEnv {
  const path = process.env["PATH"] ?? "";
  const isElsewhere = tool?.startsWith("/") === true;
  return { ...process.env, ...env, PATH: isElsewhere ? `${dirname(tool)}${delimiter}${path}` : path };
}

async function runBuild(folder: string, example: Example, tool: string | undefined): Promise<void> {
  await promisify(execFile)(join(folder, "build"), [], { env: buildEnvironment(example, tool) });
}

/** An executor's own environment, as a host would give it. */
function conformance(
  options: Omit<ConformanceOptions, "environment" | "allowedEnvironment">,
): Promise<ConformanceReport> {
  return runConformance({ ...options, environment: process.env, allowedEnvironment: ["PATH", "HOME", "TMPDIR"] });
}

function assertConforms({ contracts, results }: ConformanceReport, skipped: readonly string[]): void {
  const odd = results.filter(({ status }) => status === "failed" || status === "warned");
  assert.deepEqual(
    odd.map(({ id, reason }) => `${id}: ${reason}`),
    [],
  );
  assert.ok(contracts.includes("native"));
  const missing = results.filter(({ status, group }) => status === "skipped" && group !== "dkron");
  assert.deepEqual(
    missing.map(({ id }) => id),
    skipped,
  );
}
