import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect, type NatsConnection } from "nats";
import { createNatsExecutor } from "../../../executors/nats/definition.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";

const nats = service("nats");

describe("a message to NATS", { ...guard, skip: nats.skip }, () => {
  let reader: NatsConnection;
  let executor: TestExecutor<unknown>;
  before(async () => {
    reader = await connect({ servers: nats.endpoint("plain") });
    executor = new TestExecutor(createNatsExecutor(), { url: nats.endpoint("plain") });
  });
  after(async () => {
    await executor[Symbol.asyncDispose]();
    await reader.close();
  });

  const newSubject = (): string => `test.${randomUUID()}`;

  /** Publish to a subject that somebody listens to. */
  async function publish(config: Record<string, string>, options = {}) {
    const subject = newSubject();
    const subscription = reader.subscribe(subject, { max: 1 });
    await reader.flush();
    const run = await executor.run({ subject, ...config }, options);
    const received = run.report.outcome === "SUCCEEDED" ? await Array.fromAsync(subscription) : [];
    subscription.unsubscribe();
    return { subject, run, received: received[0] };
  }

  async function newStream(config: object = {}): Promise<{ name: string; subject: string }> {
    const name = `S${randomUUID().replaceAll("-", "")}`;
    const manager = await reader.jetstreamManager();
    await manager.streams.add({ name, subjects: [`${name}.>`], ...config });
    return { name, subject: `${name}.one` };
  }

  test("arrives as it was written", guard, async () => {
    const { run, received, subject } = await publish({ message: "grüße 🚀\n" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(run.report.effect, "HAPPENED");
    assert.equal(received?.string(), "grüße 🚀\n");
    assert.equal(evidence(run, "mode"), "core");
    assert.equal(evidence(run, "serverName"), "plain");
    assert.equal(evidence(run, "bytes"), Buffer.byteLength("grüße 🚀\n"));
    assert.equal(run.stdout.toString(), `published 13 bytes to ${subject}\n`);
  });

  test("may be empty, as Dkron's is without a message", guard, async () => {
    assert.equal((await publish({})).received?.data.length, 0);
    assert.equal((await publish({ message: "" })).received?.data.length, 0);
  });

  test("may be bytes in base64", guard, async () => {
    const bytes = randomBytes(1000);
    const { received } = await publish({ message_base64: bytes.toString("base64") });
    assert.deepEqual(Buffer.from(received?.data ?? []), bytes);
  });

  test("may be JSON, which is checked and sent as it is", guard, async () => {
    assert.equal((await publish({ message_json: '{ "a": 1 }' })).received?.string(), '{ "a": 1 }');
    const { run } = await publish({ message_json: "{" });
    assert.equal(run.report.outcome, "REJECTED");
  });

  test("may be a file", guard, async () => {
    const path = join(tmpdir(), randomUUID());
    const bytes = randomBytes(1024 * 1024 - 1024);
    await writeFile(path, bytes);
    const { received } = await publish({ message_file: path });
    assert.ok(bytes.equals(received?.data ?? Buffer.of()));
    await rm(path);
    const { run } = await publish({ message_file: path });
    assert.equal(run.report.code, "FILE_UNREADABLE");
    assert.equal(run.report.effect, "NONE");
  });

  test("that is larger than the server takes is refused before it is sent", guard, async () => {
    const { run } = await publish({ message: "x".repeat(1024 * 1024 + 1) });
    assert.equal(run.report.code, "PAYLOAD_TOO_LARGE");
    assert.equal(run.report.retryability, "PERMANENT");
    assert.equal(run.report.effect, "NONE");
    assert.match(run.report.message ?? "", /1048577 bytes.*1048576/);
    const exact = await publish({ message: "x".repeat(1024 * 1024) });
    assert.equal(exact.received?.data.length, 1024 * 1024);
  });

  test("carries headers, the execution's trace and a subject for answers", guard, async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const { received } = await publish(
      { headers: '{"X-Many":["a","b"],"X-Job":"nächtlich"}', reply_to: "answers.here" },
      { traceContext: { traceparent, tracestate: "a=b" } },
    );
    assert.deepEqual(received?.headers?.values("X-Many"), ["a", "b"]);
    assert.equal(received?.headers?.get("X-Job"), "nächtlich");
    assert.equal(received?.headers?.get("traceparent"), traceparent);
    assert.equal(received?.headers?.get("tracestate"), "a=b");
    assert.equal(received?.reply, "answers.here");
    const given = await publish({ headers: '["traceparent: mine"]' }, { traceContext: { traceparent } });
    assert.deepEqual(given.received?.headers?.values("traceparent"), ["mine"]);
  });

  test("to a stream's subject is stored, and the result says where", guard, async () => {
    const { name, subject } = await newStream();
    const run = await executor.run({ subject, message: "kept" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.deepEqual(
      [evidence(run, "mode"), evidence(run, "stream"), evidence(run, "sequence"), evidence(run, "duplicate")],
      ["jetstream", name, 1, false],
    );
    const stored = await (await reader.jetstreamManager()).streams.getMessage(name, { seq: 1 });
    assert.equal(stored.string(), "kept");
    assert.equal(run.stdout.toString(), `published 4 bytes to ${subject}: stream ${name}, sequence 1\n`);
  });

  test("is stored once, however often its execution is attempted", guard, async () => {
    const { name, subject } = await newStream();
    const first = await executor.run({ subject, message: "once" }, { id: "the-same" });
    const again = await executor.run({ subject, message: "once" }, { id: "the-same", attempt: 2 });
    assert.equal(evidence(first, "duplicate"), false);
    assert.equal(again.report.outcome, "SUCCEEDED");
    assert.deepEqual([evidence(again, "duplicate"), evidence(again, "sequence")], [true, 1]);
    await executor.run({ subject, message: "other", message_id: "mine" });
    const twice = await executor.run({ subject, message: "other", message_id: "mine" });
    assert.equal(evidence(twice, "duplicate"), true);
    const { state } = await (await reader.jetstreamManager()).streams.info(name);
    assert.equal(state.messages, 2);
  });

  test("is stored only if the stream is as the job expects", guard, async () => {
    const { name, subject } = await newStream();
    const expecting = (expectation: Record<string, string>) => executor.run({ subject, message: "x", ...expectation });
    assert.equal((await expecting({ expect_last_sequence: "0", message_id: "first" })).report.outcome, "SUCCEEDED");
    for (const wrong of [
      { expect_last_sequence: "7" },
      { expect_last_subject_sequence: "7" },
      { expect_last_message_id: "other" },
      { expect_stream: "OTHER" },
    ]) {
      const { report } = await expecting(wrong);
      assert.deepEqual([report.code, report.retryability, report.effect], ["EXPECTATION_FAILED", "PERMANENT", "NONE"]);
    }
    const right = {
      expect_stream: name,
      expect_last_sequence: "1",
      expect_last_subject_sequence: "1",
      expect_last_message_id: "first",
    };
    assert.equal(evidence(await expecting(right), "sequence"), 2);
  });

  test("may have a time to live, and may replace earlier ones", guard, async () => {
    const { name, subject } = await newStream({ allow_msg_ttl: true, allow_rollup_hdrs: true });
    await executor.run({ subject, message: "1" });
    const run = await executor.run({ subject, message: "2", ttl: "1h", rollup: "subject" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    const manager = await reader.jetstreamManager();
    assert.equal((await manager.streams.info(name)).state.messages, 1);
    const stored = await manager.streams.getMessage(name, { seq: 2 });
    assert.equal(stored.header.get("Nats-TTL"), "3600s");
  });

  test("that a stream refuses is a failure with the stream's words", guard, async () => {
    const { subject } = await newStream({ max_msgs: 1, discard: "new" });
    await executor.run({ subject, message: "1" });
    const { report } = await executor.run({ subject, message: "2" });
    assert.deepEqual([report.outcome, report.code, report.effect], ["FAILED", "STREAM_REFUSED", "NONE"]);
    assert.match(report.message ?? "", /maximum messages exceeded/);
    const small = await newStream({ max_msg_size: 10 });
    assert.equal(
      (await executor.run({ subject: small.subject, message: "x".repeat(11) })).report.code,
      "PAYLOAD_TOO_LARGE",
    );
  });

  test("that has to be stored, but that no stream takes, fails", guard, async () => {
    const { report } = await executor.run({ subject: newSubject(), mode: "jetstream", message: "lost" });
    assert.deepEqual([report.outcome, report.code, report.effect], ["FAILED", "NO_STREAM", "NONE"]);
  });

  test("that somebody else than a stream answers is not taken for stored", guard, async () => {
    const subject = newSubject();
    reader.subscribe(subject, { max: 1, callback: (_error, message) => void message.respond("thanks") });
    await reader.flush();
    const { report } = await executor.run({ subject, mode: "jetstream", message: "x" });
    assert.equal(report.code, "ACK_INVALID");
    assert.equal(report.effect, undefined);
  });

  test("can be a value of a bucket, at an expected revision", guard, async () => {
    const bucket = `B${randomUUID().replaceAll("-", "")}`;
    const kv = await reader.jetstream().views.kv(bucket);
    const put = (more: Record<string, string>) => executor.run({ kv_bucket: bucket, kv_key: "jobs.one", ...more });
    const created = await put({ message: "1", kv_revision: "0" });
    assert.equal(created.report.outcome, "SUCCEEDED");
    assert.equal(evidence(created, "sequence"), 1);
    assert.equal((await put({ message: "2", kv_revision: "0" })).report.code, "EXPECTATION_FAILED");
    assert.equal(evidence(await put({ message: "2", kv_revision: "1" }), "sequence"), 2);
    assert.equal(evidence(await put({ message: "2" }), "sequence"), 3);
    const entry = await kv.get("jobs.one");
    assert.deepEqual([entry?.string(), entry?.revision], ["2", 3]);
    assert.equal((await put({ kv_bucket: "missing" })).report.code, "NO_STREAM");
  });
});
