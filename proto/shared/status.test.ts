import assert from "node:assert/strict";
import { Metadata, status } from "@grpc/grpc-js";
import { test } from "node:test";
import { HostError } from "./error.ts";
import { fromStatus, toStatus } from "./status.ts";

test("an error crosses the wire whole", () => {
  const sent = new HostError("QUEUE_FULL", "the queue is full: 3", {
    hint: "retry later",
    retryAfterMs: 1500,
    violations: [{ field: "a.b", message: "is wrong", hint: "make it right" }],
  });
  const wire = toStatus(sent);
  assert.equal(wire.code, status.RESOURCE_EXHAUSTED);
  const received = fromStatus(Object.assign(new Error("8 RESOURCE_EXHAUSTED"), wire));
  assert.equal(received.code, "QUEUE_FULL");
  assert.equal(received.message, sent.message);
  assert.equal(received.hint, sent.hint);
  assert.equal(received.retryable, true);
  assert.equal(received.retryAfterMs, 1500);
  assert.deepEqual(received.violations, sent.violations);
});

test("a stranger's error becomes one of ours by its status", () => {
  const error = Object.assign(new Error("14 UNAVAILABLE: no connection"), {
    code: status.UNAVAILABLE,
    details: "no connection",
    metadata: new Metadata(),
  });
  assert.equal(fromStatus(error).code, "HOST_UNREACHABLE");
  assert.equal(fromStatus(error).message, "no connection");
});

test("anything thrown is sent as INTERNAL", () => {
  assert.equal(toStatus(new TypeError("oops")).code, status.INTERNAL);
  assert.equal(toStatus("text").details, "text");
});
