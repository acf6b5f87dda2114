import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { limits } from "../../../executors/grpc/defaults.ts";
import { createGrpcExecutor } from "../../../executors/grpc/definition.ts";
import { eventually } from "../../support/eventually.ts";
import { evidence, everythingTold, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const grpc = service("grpc");

describe("when a gRPC server is in trouble", { ...guard, skip: grpc.skip }, () => {
  let direct: TestExecutor<unknown>;
  before(() => {
    direct = new TestExecutor(createGrpcExecutor());
  });
  after(() => direct[Symbol.asyncDispose]());

  async function setUp(more: Record<string, string> = {}) {
    const proxy = await TcpProxy.start(grpc.endpoint("plain"));
    const executor = new TestExecutor(createGrpcExecutor(), more);
    const dispose = async (): Promise<void> => {
      await executor[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    };
    const url = (method: string): string => `${proxy.address}/test.v1.Peer/${method}`;
    return { proxy, executor, url, [Symbol.asyncDispose]: dispose };
  }

  /** How many calls of Hang the server has begun, and how many it has seen cancelled. */
  async function hangs(): Promise<{ started: number; cancelled: number }> {
    const run = await direct.run({ url: `${grpc.endpoint("plain")}/test.v1.Peer/Hangs`, output_defaults: "true" });
    return JSON.parse(run.stdout.toString()) as { started: number; cancelled: number };
  }

  test("one that is not there is a failure worth another attempt", guard, async () => {
    await using setup = await setUp();
    await setup.proxy.goAway();
    const { report } = await setup.executor.run({ url: setup.url("Echo") });
    assert.equal(report.message, `cannot connect to ${setup.proxy.address}: connection refused`);
    assert.deepEqual([report.code, report.retryability, report.effect], ["CONNECTION_REFUSED", "RETRYABLE", "NONE"]);
    const name = await direct.run({ url: "no-such-host.invalid:1/a.B/C" });
    assert.match(name.report.code ?? "", /^DNS_/);
    await setup.proxy.comeBack();
    await eventually("the channel connects again", async () => {
      const run = await setup.executor.run({ url: setup.url("Echo") });
      return run.report.outcome === "SUCCEEDED";
    });
  });

  test("a port that speaks something else is told from a server that is not there", guard, async () => {
    await using setup = await setUp();
    const tls = await direct.run({ url: `${grpc.endpoint("tls")}/test.v1.Peer/Echo` });
    assert.equal(tls.report.message, `cannot connect to ${grpc.endpoint("tls")}: closed by the other side`);
    assert.deepEqual(
      [tls.report.hint, tls.report.effect],
      ["check the port, and whether it expects TLS, or none", "NONE"],
    );
    const plain = await direct.run({ url: `https://${setup.proxy.address}/test.v1.Peer/Echo` });
    assert.equal(plain.report.code, "TLS_FAILED");
    assert.match(plain.report.message ?? "", /does not speak TLS on this port/);
  });

  test("a connection is shared, and replaced when it is lost between calls", guard, async () => {
    await using setup = await setUp();
    assert.equal(evidence(await setup.executor.run({ url: setup.url("Echo") }), "connectionReused"), false);
    assert.equal(evidence(await setup.executor.run({ url: setup.url("Echo") }), "connectionReused"), true);
    assert.equal(setup.proxy.accepted, 1);
    setup.proxy.cut();
    await sleep(100); // For this process to read that it was cut, which nothing else tells.
    const { report } = await setup.executor.run({ url: setup.url("Echo") });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(setup.proxy.accepted, 2);
  });

  test("a connection that has silently died is found out before it is used", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run({ url: setup.url("Echo") });
    setup.proxy.freeze();
    // Idle for long enough to be asked for a sign of life.
    await sleep(limits.pool.checkAfterMs + 100);
    const run = await setup.executor.run({ url: setup.url("Echo") });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.deepEqual([evidence(run, "connectionReused"), setup.proxy.accepted], [false, 2]);
    await sleep(limits.pool.checkAfterMs + 100);
    assert.equal(evidence(await setup.executor.run({ url: setup.url("Echo") }), "connectionReused"), true);
  });

  test("one that accepts and says nothing is a time-out", guard, async () => {
    await using setup = await setUp({ connect_timeout: "200ms" });
    setup.proxy.hold();
    const { report } = await setup.executor.run({ url: setup.url("Echo"), timeout: "1m" });
    assert.equal(report.outcome, "TIMED_OUT");
    assert.equal(report.effect, "NONE");
  });

  test("a deadline ends the call on both sides, and leaves open what has happened", guard, async () => {
    const earlier = await hangs();
    const { report } = await direct.run({ url: `${grpc.endpoint("plain")}/test.v1.Peer/Hang`, timeout: "300ms" });
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_TOTAL", undefined]);
    assert.match(report.hint ?? "", /not known/);
    await eventually("the server gives up", async () => (await hangs()).cancelled > earlier.cancelled);
    const expected = await direct.run({
      url: `${grpc.endpoint("plain")}/test.v1.Peer/Hang`,
      timeout: "300ms",
      expectCode: "DEADLINE_EXCEEDED",
    });
    assert.equal(expected.report.outcome, "SUCCEEDED");
  });

  test("a cancel ends the call on both sides", guard, async () => {
    const earlier = await hangs();
    const started = direct.start({ url: `${grpc.endpoint("plain")}/test.v1.Peer/Hang`, timeout: "0" });
    await eventually("the server works on it", async () => (await hangs()).started > earlier.started);
    started.cancel({ reason: "enough" });
    const { report } = await started.finished;
    assert.deepEqual(
      [report.outcome, report.message, report.effect],
      ["CANCELLED", "stopped during the call: enough", undefined],
    );
    await eventually("the server gives up", async () => (await hangs()).cancelled > earlier.cancelled);
  });

  test("a connection lost during a call leaves open what has happened", guard, async () => {
    await using setup = await setUp();
    const earlier = await hangs();
    const started = setup.executor.start({ url: setup.url("Hang"), timeout: "0" });
    await eventually("the server works on it", async () => (await hangs()).started > earlier.started);
    setup.proxy.cut();
    const { report } = await started.finished;
    assert.equal(report.outcome, "FAILED");
    assert.equal(report.code, "STATUS_UNEXPECTED");
    assert.match(report.message ?? "", /UNAVAILABLE/);
    assert.deepEqual([report.retryability, report.effect], [undefined, undefined]);
  });

  test("calls are attempted again as the job says", guard, async () => {
    const config = { url: `${grpc.endpoint("plain")}/test.v1.Peer/Fail`, body: '{"code":14}', retry_backoff: "1ms" };
    const once = await direct.run(config);
    assert.deepEqual(evidence(once, "trailers", "x-earlier-attempts"), ["0"]);
    const thrice = await direct.run({ ...config, retry_attempts: "3" });
    assert.match(thrice.report.message ?? "", /UNAVAILABLE/);
    assert.deepEqual(evidence(thrice, "trailers", "x-earlier-attempts"), ["2"]);
    const other = await direct.run({ ...config, retry_attempts: "3", retry_codes: "ABORTED,4" });
    assert.deepEqual(evidence(other, "trailers", "x-earlier-attempts"), ["0"]);
  });

  test("a probe tells what there is, and why not", guard, async () => {
    const url = `${grpc.endpoint("plain")}/test.v1.Peer/Chat`;
    const good = await direct.probe({ url });
    assert.equal(good.ok, true, good.message);
    assert.deepEqual([good.details?.["kind"], good.details?.["input"]], ["bidi_streaming", "test.v1.Request"]);
    const services = good.details?.["services"] as readonly string[] | undefined;
    assert.ok(services?.includes("grpc.health.v1.Health"));
    const missing = await direct.probe({ url: `${grpc.endpoint("plain")}/test.v1.Peer/Nope` });
    assert.deepEqual([missing.ok, missing.code], [false, "METHOD_UNKNOWN"]);
    const health = await direct.probe({ url: grpc.endpoint("plain"), health: "true" });
    assert.equal(health.ok, true);
    const given = await direct.probe({
      url: `${grpc.endpoint("bare")}/test.v1.Peer/Echo`,
      descriptor_set_file: grpc.endpoint("descriptors"),
    });
    assert.equal(given.ok, true);
    const nobody = await direct.probe({ url: "127.0.0.1:1/test.v1.Peer/Echo" });
    assert.deepEqual([nobody.ok, nobody.code], [false, "CONNECTION_REFUSED"]);
  });

  test("no secret comes out, whatever happens", guard, async () => {
    const planted = "pl4nted";
    const url = `${grpc.endpoint("plain")}/test.v1.Peer/Fail`;
    for (const config of [
      { url, token: planted },
      { url, headers: `["authorization: ${planted}"]` },
      { url, headers: `["${planted}"]` },
      { url, headers: `{"x-key": {"${planted}": 1}}` },
      { url, headers: `["x-key: ${planted}\u00e9"]` },
      { url: `https://${url}`, tls_certificate: "x", tls_certificate_key: planted, tls_key_passphrase: planted },
    ]) {
      const run = await direct.run({ ...config, body: '{"code":7}', debug: "true" });
      assert.notEqual(run.report.outcome, "SUCCEEDED");
      assert.ok(!everythingTold(run).includes(planted), everythingTold(run));
    }
  });
});
