import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readRecord, removeRecord } from "./record.ts";
import type { Service, ServiceContext } from "./service.ts";
import { down, isUp, up } from "./up-down.ts";

const quiet = () => undefined;

function serviceThat(start: Service["start"]): Service {
  return { name: `test-${process.pid}`, summary: "a test", install: async () => undefined, start };
}

/** A program that leaves a child behind when only it is ended. */
function sleepers(context: ServiceContext): number {
  return context.spawn("sleepers", "sh", ["-c", "sleep 300 & sleep 300"]);
}

describe("a service", () => {
  test("is started once, found by its record, and gone with all it started and wrote after down", async () => {
    let directory = "";
    let pid = 0;
    const service = serviceThat(async (context) => {
      directory = context.directory;
      pid = sleepers(context);
      return { endpoints: { address: "127.0.0.1:1" } };
    });
    assert.equal(await up(service, quiet), true);
    assert.equal(await up(service, quiet), false, "it is up already");
    assert.equal(isUp(service.name), true);
    const record = readRecord(service.name);
    assert(record !== undefined && "endpoints" in record);
    assert.deepEqual(record.endpoints, { address: "127.0.0.1:1" });

    await down(service);
    assert.equal(isUp(service.name), false);
    assert.throws(() => process.kill(-pid, 0), { code: "ESRCH" }, "the whole process group has ended");
    assert.equal(existsSync(directory), false);
    assert.equal(readRecord(service.name), undefined);
  });

  test("that died counts as down, and is started afresh", async () => {
    const pids: number[] = [];
    const service = serviceThat(async (context) => {
      pids.push(sleepers(context));
      return { endpoints: {} };
    });
    await up(service, quiet);
    process.kill(-pids[0]!, "SIGKILL");
    while (isUp(service.name)) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await up(service, quiet), true);
    assert.equal(pids.length, 2);
    await down(service);
  });

  test("that cannot start says why, and leaves nothing", async () => {
    let pid = 0;
    let directory = "";
    const service = serviceThat(async (context) => {
      directory = context.directory;
      pid = sleepers(context);
      writeFileSync(join(directory, "data"), "");
      throw new Error("the port is taken");
    });
    await assert.rejects(up(service, quiet), { message: "the port is taken" });
    assert.deepEqual(readRecord(service.name), { problem: "the port is taken" });
    assert.throws(() => process.kill(-pid, 0), { code: "ESRCH" });
    assert.equal(existsSync(directory), false);
    removeRecord(service.name);
  });
});
