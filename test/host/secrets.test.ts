import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

const planted = "pl4nted-S3cret-value";

describe("a secret of a config", guard, () => {
  test("is in no answer, in no event, not in the journal and not in the log, whatever happens", guard, async () => {
    await using host = await TestHost.start({ executors: ["echo", "sleeper", "vault"] });
    const requests = [
      { id: "fine", executor: "echo", config: { text: "x", token: planted } },
      { id: "failed", executor: "echo", config: { text: "x", token: planted, exitCode: "1" } },
      { id: "nested", executor: "vault", config: { login: JSON.stringify({ user: "u", password: planted }) } },
      { id: "crashed", executor: "vault", config: { password: planted, crash: "true" } },
    ];
    const told: unknown[] = [];
    for (const request of requests) {
      told.push(await Array.fromAsync(host.client.execute(request)));
      told.push(await host.client.get(request.id));
      told.push(await host.client.submit(request));
      told.push(await host.client.cancel(request.id, { reason: "x" }));
    }
    told.push(await host.client.list());
    const refused = [
      { id: "bad", executor: "vault", config: { password: `${planted}\n` } },
      { id: "bad", executor: "vault", config: { login: `{"user":"u","password":"${planted}","more":1}` } },
      { id: "bad", executor: "vault", config: { login: `{"password":"${planted}"` } },
      { id: "fine", executor: "echo", config: { text: "other", token: planted } },
    ];
    for (const request of refused) {
      told.push(
        await host.client.submit(request).then(
          () => assert.fail("accepted"),
          (error: unknown) => error,
        ),
      );
      told.push(await host.client.validate(request).catch((error: unknown) => error));
    }
    const words = told.map((answer) => JSON.stringify(answer, replaceErrors)).join("\n");
    assert.match(words, /\*\*\*/, "the mask stands in its place");
    assert(!words.includes(planted), words.slice(words.indexOf(planted) - 300, words.indexOf(planted) + 50));
    assert.deepEqual((await host.client.get("nested")).spec.config, { login: "***" });
    assert(!host.journalBytes().includes(planted), "the journal holds it, while the host runs");
    await host.stop();
    assert(!host.journalBytes().includes(planted), "the journal holds it");
    assert.deepEqual(
      host.log.filter((line) => line.includes(planted)),
      [],
    );
  });

  test("reaches the executor as it is", guard, async () => {
    await using host = await TestHost.start({ executors: ["vault"] });
    const run = await collect(host.client.execute({ executor: "vault", config: { password: planted } }));
    assert.equal(run.result.evidence?.["sha256"], createHash("sha256").update(planted).digest("hex"));
  });

  test("of another value under the same id is a conflict, though both look the same", guard, async () => {
    await using host = await TestHost.start({ executors: ["vault"] });
    await collect(host.client.execute({ id: "one", executor: "vault", config: { password: planted } }));
    await assert.rejects(host.client.submit({ id: "one", executor: "vault", config: { password: `${planted}2` } }), {
      code: "EXECUTION_ID_CONFLICT",
    });
  });

  test("is the same request after a retry and after a restart", guard, async () => {
    await using host = await TestHost.start({ executors: ["vault"] });
    const request = { id: "one", executor: "vault", config: { password: planted, wait: "true" } };
    const stream = host.client.execute(request);
    await until(stream, (event) => event.type === "started");
    assert.equal((await host.client.submit(request)).alreadyKnown, true);
    await host.client.cancel("one");
    await Array.fromAsync(stream);
    await host.restart();
    assert.equal((await host.client.submit(request)).alreadyKnown, true);
  });
});

function replaceErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { all: Object.entries(value), message: value.message, stack: value.stack } : value;
}
