import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { TempDir } from "../support/temp-dir.ts";
import { TestHost } from "../support/test-host.ts";
import type { Command } from "./client.ts";
import { buildGoClient, findGo } from "./go-client.ts";
import { findPython, makePythonClient } from "./python-client.ts";

/** The first run downloads and compiles. */
const patience = { timeout: 300_000 } as const;

interface Line {
  readonly kind: string;
  readonly data?: string;
  readonly channel?: string;
  readonly [name: string]: unknown;
}

const languages = [
  { name: "Python", find: findPython, make: makePythonClient, missing: "python3 with venv is not here" },
  { name: "Go", find: findGo, make: buildGoClient, missing: "go is not here" },
];

for (const { name, find, make, missing } of languages) {
  const toolchain = await find();
  // Where CI is set, the toolchain must be there: the test fails without it.
  const skip = toolchain === undefined && process.env["CI"] === undefined ? missing : false;

  describe(`a client in ${name} that has nothing but the .proto files`, { ...patience, skip }, () => {
    let dir: TempDir;
    let host: TestHost;
    let command: Command;
    before(async () => {
      assert(toolchain !== undefined, missing);
      dir = await TempDir.create();
      command = await make(toolchain, dir.path);
      host = await TestHost.start({ executors: ["gate", "flood", "binary"] });
    }, patience);
    after(async () => {
      await host[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    });

    /** Run the client; its lines come while it runs. */
    function start(...args: readonly string[]) {
      const [program, ...first] = command;
      const child = spawn(program, [...first, host.host.addresses[0] ?? "", ...args], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const closed = once(child, "close") as Promise<[number | null]>;
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const next = async (): Promise<Line | undefined> => {
        const line = await lines.next();
        return line.done === true ? undefined : (JSON.parse(line.value) as Line);
      };
      const rest = async (): Promise<readonly Line[]> => {
        const all: Line[] = [];
        for (let line = await next(); line !== undefined; line = await next()) all.push(line);
        assert.deepEqual((await closed)[0], 0, "it ends in order");
        return all;
      };
      return { next, rest };
    }

    test("runs a job and sees what happens while it happens", patience, async () => {
      const file = host.path("open");
      const client = start("from-afar", "gate", `file=${file}`);
      for (let line = await client.next(); line?.kind !== "started"; line = await client.next())
        assert.equal(line?.kind, "state", JSON.stringify(line));
      // The job goes on only now, when the client has told of its start.
      writeFileSync(file, "");
      const [output, result, execution, ...more] = await client.rest();
      assert.deepEqual([output?.kind, output?.channel], ["output", "CHANNEL_STDOUT"]);
      assert.equal(Buffer.from(output?.data ?? "", "base64").toString(), "through\n");
      assert.deepEqual([result?.kind, result?.["outcome"]], ["result", "OUTCOME_SUCCEEDED"]);
      assert.match(JSON.stringify(result?.["evidence"]), /^\{"pid":\d/);
      assert.deepEqual([execution?.kind, execution?.["state"]], ["execution", "STATE_FINISHED"]);
      assert.deepEqual(more, []);
    });

    test("gets every byte", patience, async () => {
      const lines = await start("bytes", "binary").rest();
      const bytes = lines.flatMap(({ channel, data }) =>
        channel === "CHANNEL_STDOUT" ? [Buffer.from(data ?? "", "base64")] : [],
      );
      assert.deepEqual(
        [...Buffer.concat(bytes)],
        Array.from({ length: 256 }, (_, index) => index),
      );
      const much = await start("much", "flood", "size=10M").rest();
      const sizes = much.map(({ data }) => Buffer.from(data ?? "", "base64").length);
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        10 * 1024 ** 2,
      );
    });

    test("is told what is wrong with a request", patience, async () => {
      const [error, ...more] = await start("wrong", "gaet").rest();
      assert.deepEqual([error?.kind, error?.["message"]], ["error", 'no executor is named "gaet"']);
      assert.match(String(error?.["code"]), /^(NOT_FOUND|NotFound)$/);
      assert.deepEqual(more, []);
    });
  });
}
