import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createGrpcExecutor } from "../../../executors/grpc/definition.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";

const grpc = service("grpc");

/** The messages of an output, a line each. */
function messages(output: Buffer): Record<string, unknown>[] {
  const lines = output.toString().trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("a gRPC call", { ...guard, skip: grpc.skip }, () => {
  let executor: TestExecutor<unknown>;
  before(() => {
    executor = new TestExecutor(createGrpcExecutor());
  });
  after(() => executor[Symbol.asyncDispose]());

  const url = (method: string, listener = "plain"): string => `${grpc.endpoint(listener)}/test.v1.Peer/${method}`;

  test("has the response as its output, and its status as evidence", guard, async () => {
    const run = await executor.run({ url: url("Echo"), body: '{"text":"grüße 🚀"}' });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(run.report.effect, "HAPPENED");
    assert.equal(messages(run.stdout)[0]?.["text"], "grüße 🚀");
    assert.deepEqual(evidence(run, "status"), { code: 0, name: "OK", message: "", details: [] });
    assert.equal(evidence(run, "method"), "test.v1.Peer/Echo");
    assert.equal(evidence(run, "kind"), "unary");
    assert.deepEqual(evidence(run, "headers", "x-head"), ["the start"]);
    assert.equal(evidence(run, "peer"), grpc.endpoint("plain"));
  });

  test("takes an empty body, as Dkron does, and both ways to write a method", guard, async () => {
    const dotted = `${grpc.endpoint("plain")}/test.v1.Peer.Echo`;
    for (const config of [{ url: url("Echo") }, { url: url("Echo"), body: " " }, { url: dotted }] as Record<
      string,
      string
    >[]) {
      const run = await executor.run(config);
      assert.deepEqual(messages(run.stdout)[0]?.["request"], {});
    }
  });

  test("reads and writes JSON as Protobuf defines it", guard, async () => {
    const request = {
      text: "t",
      data: randomBytes(100).toString("base64"),
      bigNumber: "9007199254740993",
      color: "COLOR_RED",
      at: "2026-01-02T03:04:05.678Z",
      lasting: "1.500s",
      anything: { a: [1, null, { b: true }] },
      any: { "@type": "type.googleapis.com/test.v1.Trouble", what: "x" },
      maybe: "",
      counts: { one: 1 },
      byNumber: 0,
      numbers: ["NaN", 1.5, "-Infinity"],
      level: 0,
    };
    const run = await executor.run({ url: url("Echo"), body: JSON.stringify(request) });
    assert.deepEqual(messages(run.stdout)[0]?.["request"], request);
    const spelled = await executor.run({
      url: url("Echo"),
      body: '{"big_number":1}',
      output_proto_names: "true",
      output_defaults: "true",
    });
    const echoed = messages(spelled.stdout)[0]?.["request"] as Record<string, unknown>;
    assert.deepEqual([echoed["big_number"], echoed["text"]], ["1", ""]);
  });

  test("with a body that does not fit is not made", guard, async () => {
    for (const [body, problem] of [
      ['{"nope":1}', /"nope" is unknown/],
      ['{"count":"x"}', /count/],
      ["[1]", /does not fit test\.v1\.Request/],
      ["{", /does not fit/],
      ["{}{}", /holds 2 messages, and Echo takes one/],
    ] as const) {
      const { report } = await executor.run({ url: url("Echo"), body });
      assert.deepEqual([report.code, report.retryability, report.effect], ["BODY_INVALID", "PERMANENT", "NONE"]);
      assert.match(report.message ?? "", problem);
    }
  });

  test("may take its body from a file", guard, async () => {
    const path = join(tmpdir(), randomUUID());
    await writeFile(path, '{"text":"from a file"}');
    const run = await executor.run({ url: url("Echo"), body_file: path });
    assert.equal(messages(run.stdout)[0]?.["text"], "from a file");
    await rm(path);
    assert.equal((await executor.run({ url: url("Echo"), body_file: path })).report.code, "FILE_UNREADABLE");
  });

  test("of each kind of stream takes and gives a message a line", guard, async () => {
    const count = await executor.run({ url: url("Count"), body: '{"text":"x","count":3}' });
    assert.equal(messages(count.stdout).length, 3);
    assert.equal(evidence(count, "kind"), "server_streaming");
    const none = await executor.run({ url: url("Count"), body: "{}" });
    assert.deepEqual([none.report.outcome, none.stdout.length], ["SUCCEEDED", 0]);
    const body = '{"text":"a }"}\n{"text":"b"} {"text":"c"}{"text":"d"}';
    const collect = await executor.run({ url: url("Collect"), body });
    assert.equal(messages(collect.stdout)[0]?.["text"], "a } b c d");
    const nothing = await executor.run({ url: url("Collect") });
    assert.deepEqual(messages(nothing.stdout), [{}]);
    const chat = await executor.run({ url: url("Chat"), body });
    assert.deepEqual(
      messages(chat.stdout).map(({ text }) => text),
      ["a }", "b", "c", "d"],
    );
    assert.deepEqual(evidence(chat, "messages", "sent"), 4);
    const bad = await executor.run({ url: url("Chat"), body: '{"text":"a"}\n{"nope":1}' });
    assert.match(bad.report.message ?? "", /\(message 2\)/);
  });

  test("carries metadata, bytes too, and the execution's trace and deadline", guard, async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const bytes = randomBytes(20).toString("base64");
    const headers = JSON.stringify(["X-Tenant: acme: east", `x-raw-bin: ${bytes}`]);
    const config = { url: url("Echo"), headers, token: "open-sesame", timeout: "20s" };
    const run = await executor.run(config, { traceContext: { traceparent } });
    const reply = messages(run.stdout)[0] ?? {};
    const metadata = reply["metadata"] as Record<string, string>;
    assert.equal(metadata["x-tenant"], "acme: east");
    assert.equal(metadata["x-raw-bin"], bytes);
    assert.equal(metadata["traceparent"], traceparent);
    assert.equal(metadata["authorization"], "Bearer open-sesame");
    assert.equal(reply["hasDeadline"], true);
    const toldMs = Number(reply["deadlineMs"]);
    assert.ok(toldMs > 0 && toldMs <= 20_000, `${toldMs}`);
    const endless = await executor.run({ url: url("Echo"), timeout: "0" });
    assert.equal(messages(endless.stdout)[0]?.["hasDeadline"], undefined);
    const hosts = await executor.run({ url: url("Echo"), timeout: "0" }, { deadline: new Date(Date.now() + 5_000) });
    assert.ok(Number(messages(hosts.stdout)[0]?.["deadlineMs"]) <= 5_000, "the host's deadline counts as well");
  });

  test("may be large, and compressed, within limits", guard, async () => {
    const text = "x".repeat(1024 * 1024);
    for (const compression of ["identity", "gzip"]) {
      const run = await executor.run({ url: url("Echo"), body: JSON.stringify({ text }), compression });
      assert.equal(run.report.outcome, "SUCCEEDED");
      assert.equal(messages(run.stdout)[0]?.["text"], text);
    }
    const received = await executor.run({ url: url("Echo"), body: JSON.stringify({ text }), max_receive_bytes: "1MB" });
    assert.deepEqual([received.report.code, received.report.retryability], ["MESSAGE_TOO_LARGE", "PERMANENT"]);
    assert.match(received.report.message ?? "", /RESOURCE_EXHAUSTED.*larger/i);
    assert.equal(received.report.hint, "raise max_receive_bytes");
    const sent = await executor.run({ url: url("Echo"), body: JSON.stringify({ text }), max_send_bytes: "1MB" });
    assert.deepEqual([sent.report.code, sent.report.effect], ["MESSAGE_TOO_LARGE", "NONE"]);
    assert.equal(sent.report.message, "the request has 1048580 bytes, and max_send_bytes is 1048576");
    const servers = await executor.run({ url: url("Echo"), body: JSON.stringify({ text: text.repeat(17) }) });
    assert.deepEqual([servers.report.code, servers.report.effect], ["MESSAGE_TOO_LARGE", undefined]);
    assert.equal(servers.report.hint, "the server takes no larger requests");
  });

  test("that fails tells status, details and trailers", guard, async () => {
    const run = await executor.run({ url: url("Fail"), body: '{"code":5,"text":"no such order"}' });
    const { report } = run;
    assert.deepEqual([report.outcome, report.code, report.retryability], ["FAILED", "STATUS_UNEXPECTED", "PERMANENT"]);
    assert.equal(report.message, "status NOT_FOUND: no such order");
    assert.equal(report.retryAfterMs, 1_500);
    assert.equal(report.effect, undefined);
    assert.deepEqual(evidence(run, "status", "details"), [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        reason: "NO_ORDER",
        domain: "shop.test",
        metadata: { order: "7" },
      },
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.500s" },
      {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        fieldViolations: [{ field: "order", description: "is unknown" }],
      },
      { "@type": "type.googleapis.com/test.v1.Trouble", what: "of our own" },
    ]);
    assert.deepEqual(evidence(run, "trailers", "x-trail"), ["the end"]);
    assert.deepEqual(evidence(run, "trailers", "x-trail-bin"), [Buffer.from([0, 255]).toString("base64")]);
    const late = await executor.run({ url: url("FailLate"), body: '{"code":10,"text":"later"}' });
    assert.equal(late.report.message, "status ABORTED: later");
    assert.equal(late.report.retryability, "RETRYABLE");
    assert.equal(messages(late.stdout)[0]?.["text"], "later");
  });

  test("is a success with the status that the job expects", guard, async () => {
    const ending = async (code: number, expectCode: string): Promise<string | undefined> => {
      const run = await executor.run({
        url: url(code === 0 ? "Echo" : "Fail"),
        body: JSON.stringify({ code }),
        expectCode,
      });
      return run.report.code ?? run.report.outcome;
    };
    assert.equal(await ending(5, "5"), "SUCCEEDED");
    assert.equal(await ending(5, "OK, not_found"), "SUCCEEDED");
    assert.equal(await ending(7, "any"), "SUCCEEDED");
    assert.equal(await ending(7, "5"), "STATUS_UNEXPECTED");
    assert.equal(await ending(0, "5"), "STATUS_UNEXPECTED");
    assert.equal(await ending(0, "0"), "SUCCEEDED");
  });

  test("is a success only if the last response contains what the job expects", guard, async () => {
    const outcome = async (method: string, body: string, expect_message: string): Promise<string | undefined> => {
      const { report } = await executor.run({ url: url(method), body, expect_message });
      return report.code === undefined ? report.outcome : `${report.code}: ${report.message}`;
    };
    const body = '{"text":"a","counts":{"one":1,"two":2},"numbers":[1,2]}';
    assert.equal(
      await outcome("Echo", body, '{"text":"a","request":{"counts":{"one":1},"numbers":[1,2]}}'),
      "SUCCEEDED",
    );
    const differs = "MESSAGE_MISMATCH: the last response is not as expected at";
    assert.equal(await outcome("Echo", body, '{"request":{"counts":{"one":2}}}'), `${differs} request.counts.one`);
    assert.equal(await outcome("Echo", body, '{"request":{"numbers":[1]}}'), `${differs} request.numbers`);
    assert.equal(await outcome("Chat", '{"text":"a"}{"text":"b"}', '{"text":"b"}'), "SUCCEEDED");
    assert.equal(await outcome("Count", "{}", '{"text":"b"}'), "MESSAGE_MISMATCH: there was no response to look at");
  });

  test("finds its types by old reflection, a descriptor set or .proto files as well", guard, async () => {
    const descriptors = { descriptor_set_file: grpc.endpoint("descriptors") };
    const proto_paths = join(import.meta.dirname, "server");
    const body = '{"text":"x","at":"2026-01-02T03:04:05Z","level":0,"byName":"n","counts":{"a":1},"color":"COLOR_RED"}';
    for (const [config, listener] of [
      [{}, "alpha"],
      [descriptors, "bare"],
      [{ proto_files: "peer.proto", proto_paths }, "bare"],
    ] as const) {
      const run = await executor.run({ url: url("Echo", listener), body, ...config });
      assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
      assert.deepEqual(messages(run.stdout)[0]?.["request"], JSON.parse(body));
    }
    const none = await executor.run({ url: url("Echo", "bare"), body });
    assert.deepEqual([none.report.code, none.report.effect], ["REFLECTION_UNAVAILABLE", "NONE"]);
    assert.equal((await executor.run({ url: url("Echo"), descriptor_set: "AAAA" })).report.code, "SCHEMA_INVALID");
    assert.equal(
      (await executor.run({ url: url("Echo"), proto_files: "missing.proto" })).report.code,
      "FILE_UNREADABLE",
    );
    const garbage = join(tmpdir(), `${randomUUID()}.proto`);
    await writeFile(garbage, "no proto");
    assert.equal((await executor.run({ url: url("Echo"), proto_files: garbage })).report.code, "SCHEMA_INVALID");
    await rm(garbage);
  });

  test("of what is not there names what is", guard, async () => {
    const method = await executor.run({ url: url("Nope") });
    assert.deepEqual([method.report.code, method.report.effect], ["METHOD_UNKNOWN", "NONE"]);
    assert.match(method.report.hint ?? "", /^it has Echo, Count/);
    const unknown = await executor.run({ url: `${grpc.endpoint("plain")}/test.v1.Nobody/Echo` });
    assert.equal(unknown.report.message, "the server has no service test.v1.Nobody");
    const absent = await executor.run({
      url: `${grpc.endpoint("bare")}/test.v1.Peer/Echo`,
      expectCode: "5",
      proto_files: "peer.proto",
      proto_paths: join(import.meta.dirname, "server"),
    });
    assert.equal(absent.report.code, "STATUS_UNEXPECTED");
  });

  test("goes over TLS, with a client certificate and another authority, or through a socket", guard, async () => {
    const tls_ca_file = grpc.endpoint("ca");
    const secure = await executor.run({ url: `https://${url("Echo", "tls")}`, tls_ca_file, authority: "routed.test" });
    assert.equal(secure.report.outcome, "SUCCEEDED", secure.report.message);
    assert.equal(messages(secure.stdout)[0]?.["authority"], "routed.test");
    const identity = {
      tls_certificate_file: grpc.endpoint("clientCertificate"),
      tls_certificate_key_file: grpc.endpoint("clientKey"),
    };
    const mutual = await executor.run({ url: url("Echo", "mutual"), tls_ca_file, ...identity });
    assert.equal(messages(mutual.stdout)[0]?.["identity"], "grpc-client");
    const anonymous = await executor.run({ url: url("Echo", "mutual"), tls_ca_file });
    assert.notEqual(anonymous.report.outcome, "SUCCEEDED");
    const distrusted = await executor.run({ url: url("Echo", "tls"), tls: "true" });
    assert.deepEqual([distrusted.report.code, distrusted.report.effect], ["TLS_FAILED", "NONE"]);
    const other = { url: url("Echo", "tls"), tls_ca_file, tls_server_name: "other.test" };
    assert.equal((await executor.run(other)).report.code, "TLS_FAILED");
    const named = await executor.run({ ...other, tls_server_name: "localhost" });
    assert.equal(named.report.outcome, "SUCCEEDED", named.report.message);
    const unverified = await executor.run({ url: url("Echo", "tls"), tls_no_verify: "true" });
    assert.equal(unverified.report.outcome, "SUCCEEDED");
    assert.match(unverified.report.warnings?.[0] ?? "", /not verified/);
    const socket = await executor.run({ url: `unix:${grpc.endpoint("socket")}/test.v1.Peer/Echo` });
    assert.equal(socket.report.outcome, "SUCCEEDED", socket.report.message);
    const plain = await executor.run({ url: url("Echo", "tls"), timeout: "5s" });
    assert.notEqual(plain.report.outcome, "SUCCEEDED");
    const wrong = await executor.run({ url: `grpcs://${url("Echo")}` });
    assert.equal(wrong.report.code, "TLS_FAILED");
  });

  test("can be a question for health", guard, async () => {
    const health = { url: grpc.endpoint("plain"), health: "true" };
    const server = await executor.run(health);
    assert.deepEqual([server.report.outcome, server.stdout.toString()], ["SUCCEEDED", "SERVING\n"]);
    assert.equal((await executor.run({ ...health, health_service: "test.v1.Peer" })).report.outcome, "SUCCEEDED");
    const down = await executor.run({ ...health, health_service: "test.v1.Down" });
    assert.deepEqual([down.report.code, down.report.message], ["SERVICE_NOT_SERVING", "test.v1.Down is NOT_SERVING"]);
    assert.equal((await executor.run({ ...health, health_service: "nobody" })).report.code, "SERVICE_NOT_SERVING");
  });
});
