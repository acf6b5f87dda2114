import assert from "node:assert/strict";
import { test } from "node:test";
import { DkronSink } from "./dkron-sink.ts";

/** As much output as Dkron keeps, and a little more. */
function filled(): DkronSink {
  const sink = new DkronSink(undefined);
  for (let offset = 0; offset < 300_000; offset += 50_000) {
    sink.write({ type: "output", sequence: 1, timeMs: 0, channel: "stdout", offset, data: Buffer.alloc(50_000, "x") });
  }
  return sink;
}

test("Dkron's answer holds as much output as Dkron keeps", () => {
  const { output, error } = filled().response({ outcome: "SUCCEEDED" });
  assert.deepEqual([output.length, error], [256_000, ""]);
});

test("Dkron's answer leaves room for the error, which Dkron would cut off otherwise", () => {
  const { output, error } = filled().response({ outcome: "FAILED", message: "exit status 1", warnings: ["careful"] });
  assert.equal(error, "exit status 1");
  assert.equal(output.length + error.length + 1, 256_000);
  assert.ok(output.toString().startsWith("warning: careful\nxxx"));
});

test("Dkron's answer names the outcome when nothing else is said", () => {
  assert.equal(new DkronSink(undefined).response({ outcome: "OUT_OF_MEMORY" }).error, "out of memory");
});
