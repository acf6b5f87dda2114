import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ExecutionRequest } from "../../host/client/types.ts";
import { collect } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

interface Row {
  readonly title: string;
  readonly request: ExecutionRequest;
  /** What the caller gets, by its fields. */
  readonly error: {
    readonly code: string;
    readonly message: RegExp | string;
    readonly hint?: RegExp | string;
    /** Fields of the violations. */
    readonly fields?: readonly string[];
  };
}

const echo = { executor: "echo", config: { text: "x" } };

const rows: readonly Row[] = [
  {
    title: "an executor that is not there, with what may be meant",
    request: { executor: "ecco" },
    error: { code: "EXECUTOR_NOT_FOUND", message: 'no executor is named "ecco"', hint: /did you mean "?'?echo"?'?/ },
  },
  {
    title: "an executor that is like none, with those there are",
    request: { executor: "kubernetes" },
    error: {
      code: "EXECUTOR_NOT_FOUND",
      message: 'no executor is named "kubernetes"',
      hint: "there are: echo, failing, strict",
    },
  },
  {
    title: "a name that no executor can have",
    request: { executor: "../../bin/sh" },
    error: {
      code: "SPEC_INVALID",
      message: /^executor: not a name of an executor: "..\/..\/bin\/sh"/,
      fields: ["executor"],
    },
  },
  {
    title: "no name of an executor",
    request: { executor: "" },
    error: { code: "SPEC_INVALID", message: /^executor: /, hint: /lower-case letters/, fields: ["executor"] },
  },
  {
    title: "a key that the executor does not know, with what may be meant",
    request: { executor: "strict", config: { url: "https://a", cuont: "1" } },
    error: { code: "CONFIG_INVALID", message: "cuont: unknown key", hint: /count/, fields: ["cuont"] },
  },
  {
    title: "a missing key, with what it is",
    request: { executor: "strict", config: {} },
    error: { code: "CONFIG_INVALID", message: "url: is required", hint: /Where to\./, fields: ["url"] },
  },
  {
    title: "a value of the wrong type",
    request: { executor: "strict", config: { url: "https://a", count: "many" } },
    error: { code: "CONFIG_INVALID", message: /^count: .*many/, fields: ["count"] },
  },
  {
    title: "a value out of range, with the bound",
    request: { executor: "strict", config: { url: "https://a", count: "99" } },
    error: { code: "CONFIG_INVALID", message: /^count: .*10.*99/, fields: ["count"] },
  },
  {
    title: "a word that is not one of the choices, with the choices",
    request: { executor: "strict", config: { url: "https://a", mode: "fsat" } },
    error: { code: "CONFIG_INVALID", message: /^mode: .*fsat/, hint: /fast/, fields: ["mode"] },
  },
  {
    title: "JSON that is none",
    request: { executor: "strict", config: { url: "https://a", body: "[1," } },
    error: { code: "CONFIG_INVALID", message: "body: the value is not JSON", hint: /brackets/, fields: ["body"] },
  },
  {
    title: "JSON of the wrong shape, with the place",
    request: { executor: "strict", config: { url: "https://a", body: '[1, "2"]' } },
    error: { code: "CONFIG_INVALID", message: /^body\[1\]: .*integer/, fields: ["body[1]"] },
  },
  {
    title: "everything that is wrong at once",
    request: { executor: "strict", config: { count: "many", cuont: "1", mode: "x" } },
    error: {
      code: "CONFIG_INVALID",
      message: 'count: "many" is not a whole number (and 3 more)',
      fields: ["count", "cuont", "mode", "url"],
    },
  },
  {
    title: "a config that is too large, with the limit's name",
    request: { executor: "echo", config: { text: "x".repeat(1024 ** 2) } },
    error: {
      code: "REQUEST_TOO_LARGE",
      message: `config is too large: ${1024 ** 2 + 4} bytes`,
      hint: /at most 1048576 bytes \(max-config-bytes\)/,
      fields: ["config"],
    },
  },
  {
    title: "a config many times too large, in the same words",
    request: { executor: "echo", config: { text: "x".repeat(12 * 1024 ** 2) } },
    error: { code: "REQUEST_TOO_LARGE", message: /^config is too large: 1258\d+ bytes$/, hint: /max-config-bytes/ },
  },
  {
    title: "an id with characters that an id cannot have",
    request: { ...echo, id: "a b/c" },
    error: {
      code: "SPEC_INVALID",
      message: 'execution_id: not a usable id: "a b/c"',
      hint: /1 to 128/,
      fields: ["execution_id"],
    },
  },
  {
    title: "an id that is too long, without repeating all of it",
    request: { ...echo, id: "x".repeat(129) },
    error: {
      code: "SPEC_INVALID",
      message: `execution_id: not a usable id: "${"x".repeat(100)}"`,
      fields: ["execution_id"],
    },
  },
  {
    title: "control characters, without passing them on",
    request: { ...echo, id: "a\u001b[2Jb\n" },
    error: { code: "SPEC_INVALID", message: 'execution_id: not a usable id: "a?[2Jb?"', fields: ["execution_id"] },
  },
  {
    title: "a limit below zero",
    request: { ...echo, limits: { attemptTimeoutMs: -1_000 } },
    error: {
      code: "SPEC_INVALID",
      message: "limits.attempt_timeout: out of range: -1s",
      hint: "more than zero, at most 24 days; leave it out for no limit",
      fields: ["limits.attempt_timeout"],
    },
  },
  {
    title: "a limit of zero, which might mean none or at once",
    request: { ...echo, limits: { totalTimeoutMs: 0 } },
    error: {
      code: "SPEC_INVALID",
      message: "limits.total_timeout: out of range: 0s",
      fields: ["limits.total_timeout"],
    },
  },
  {
    title: "a limit that no timer can hold",
    request: { ...echo, limits: { queueTimeoutMs: 30 * 86_400_000 } },
    error: {
      code: "SPEC_INVALID",
      message: "limits.queue_timeout: out of range: 2592000s",
      hint: /24 days/,
      fields: ["limits.queue_timeout"],
    },
  },
  {
    title: "every limit that is wrong",
    request: { ...echo, limits: { startTimeoutMs: -1, noOutputTimeoutMs: -1, graceMs: -1 } },
    error: {
      code: "SPEC_INVALID",
      message: /\(and 2 more\)$/,
      fields: ["limits.start_timeout", "limits.no_output_timeout", "limits.grace"],
    },
  },
  {
    title: "a retry policy out of range",
    request: { ...echo, retry: { maxAttempts: 5_000, multiplier: 0.5, initialBackoffMs: -1 } },
    error: {
      code: "SPEC_INVALID",
      message: /^retry\.max_attempts: out of range: 5000/,
      fields: ["retry.max_attempts", "retry.multiplier", "retry.initial_backoff"],
    },
  },
  {
    title: "too many labels",
    request: { ...echo, labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`label${index}`, ""])) },
    error: { code: "SPEC_INVALID", message: "labels: too many: 65", hint: "at most 64", fields: ["labels"] },
  },
];

describe("the host refuses", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["echo", "strict", "failing"] });
  });
  after(() => host[Symbol.asyncDispose]());

  for (const { title, request, error } of rows) {
    test(title, guard, async () => {
      const { fields, ...expected } = error;
      for (const ask of [() => host.client.submit(request), () => collect(host.client.execute(request))]) {
        await assert.rejects(
          ask,
          (thrown: Error & { violations: readonly { field: string }[]; retryable: boolean }) => {
            assertMatches(thrown, { ...expected, retryable: false });
            const named = thrown.violations.map(({ field }) => field);
            for (const field of fields ?? []) assert(named.includes(field), `${field} is among ${named.join(", ")}`);
            assert.doesNotMatch(thrown.message, /\.$/, "no full stop");
            return true;
          },
        );
      }
      const violations = await host.client.validate(request).catch((thrown: unknown) => thrown);
      if (fields === undefined || error.code === "REQUEST_TOO_LARGE") {
        assertMatches(violations as Error, expected);
      } else {
        const named = (violations as { field: string }[]).map(({ field }) => field);
        for (const field of fields) assert(named.includes(field), `Validate names ${field} among ${named.join(", ")}`);
      }
    });
  }

  test("without keeping anything of what it refused", guard, async () => {
    await host.client.submit({ id: "clean", executor: "strict", config: {} }).catch(() => undefined);
    assert.deepEqual((await host.client.list()).executions, []);
    assert(!host.journalBytes().includes("kubernetes"));
  });

  test("what an executor's own check refuses, with an outcome", guard, async () => {
    const request = { executor: "strict", config: { url: "https://a", mode: "fast", count: "7" } };
    const run = await collect(host.client.execute(request));
    const { outcome, code, effect, retryability, violations } = run.result;
    assert.deepEqual([outcome, code, effect, retryability], ["REJECTED", "CONFIG_INVALID", "NONE", "PERMANENT"]);
    assert.deepEqual(violations, [
      { field: "count", message: "7 is too many when it has to be fast", hint: "at most 5" },
    ]);
    assert.deepEqual(await host.client.validate(request), violations, "Validate says so before");
  });

  test("nothing that is right", guard, async () => {
    assert.deepEqual(await host.client.validate({ executor: "strict", config: { url: "https://a", body: "[1]" } }), []);
    assert.deepEqual(await host.client.validate({ ...echo, id: "A.b_c:d-1", limits: { graceMs: 0 } }), []);
  });
});

function assertMatches(thrown: Error, expected: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(expected)) {
    const actual = (thrown as unknown as Record<string, unknown>)[name];
    if (value instanceof RegExp) assert.match(String(actual), value, name);
    else assert.equal(actual, value, name);
  }
}
