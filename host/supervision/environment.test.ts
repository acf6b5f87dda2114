import assert from "node:assert/strict";
import { test } from "node:test";
import { executorEnvironment } from "./environment.ts";

test("an executor gets the named variables and its tag, nothing else", () => {
  const source = { PATH: "/bin", HOME: "/root", LC_ALL: "C", AWS_SECRET: "x", NODE_OPTIONS: "--inspect", LC: "no" };
  assert.deepEqual(executorEnvironment(source, ["PATH", "LC_*"], "i/1"), {
    PATH: "/bin",
    LC_ALL: "C",
    EXECUTOR_HOST_TAG: "i/1",
  });
});

test("an empty PATH is none", () => {
  assert.deepEqual(executorEnvironment({ PATH: "", HOME: "" }, ["*"], "t"), { HOME: "", EXECUTOR_HOST_TAG: "t" });
});

test("a dot in an allowed name is only a dot", () => {
  assert.deepEqual(Object.keys(executorEnvironment({ "A.B": "1", AxB: "2" }, ["A.B"], "t")), [
    "A.B",
    "EXECUTOR_HOST_TAG",
  ]);
});

test("the host's own tag is replaced by the process's", () => {
  assert.equal(executorEnvironment({ EXECUTOR_HOST_TAG: "outer" }, ["*"], "inner")["EXECUTOR_HOST_TAG"], "inner");
});
