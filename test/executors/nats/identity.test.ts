import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { createNatsExecutor } from "../../../executors/nats/definition.ts";
import { evidence, everythingTold, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";

const nats = service("nats");

describe("logging in to NATS", { ...guard, skip: nats.skip }, () => {
  let executor: TestExecutor<unknown>;
  before(() => {
    executor = new TestExecutor(createNatsExecutor(), { subject: "jobs.login", message: "x", mode: "core" });
  });
  after(() => executor[Symbol.asyncDispose]());

  async function outcomeOf(config: Record<string, string>): Promise<string> {
    const { report } = await executor.run(config);
    return report.code ?? report.outcome;
  }

  test("with user and password, in keys or in the URL", guard, async () => {
    const server = nats.endpoint("users");
    assert.equal(await outcomeOf({ url: server, userName: "alice", password: "alice-secret" }), "SUCCEEDED");
    assert.equal(await outcomeOf({ url: `nats://alice:alice-secret@${server}` }), "SUCCEEDED");
    const both = { url: `alice:alice-secret@${server}`, userName: "bob", password: "wrong" };
    assert.equal(await outcomeOf(both), "SUCCEEDED", "the URL wins");
    assert.equal(await outcomeOf({ url: server, userName: "alice", password: "wrong" }), "AUTH_FAILED");
    assert.equal(await outcomeOf({ url: server }), "AUTH_FAILED");
  });

  test("with a seed", guard, async () => {
    const url = nats.endpoint("users");
    assert.equal(await outcomeOf({ url, nkey: nats.endpoint("seed") }), "SUCCEEDED");
    const garbled = await executor.run({ url, nkey: "SUgarbled" });
    assert.equal(garbled.report.code, "CREDENTIALS_INVALID");
    assert.equal(garbled.report.message, "nkey is not the seed of an NKey");
  });

  test("with a creds file, or its content", guard, async () => {
    const url = nats.endpoint("operator");
    const creds_file = nats.endpoint("credsFile");
    const creds = await readFile(creds_file, "utf8");
    assert.equal(await outcomeOf({ url, creds_file }), "SUCCEEDED");
    assert.equal(await outcomeOf({ url, creds }), "SUCCEEDED");
    const jwt = /JWT-----\n(.*)\n/.exec(creds)?.[1] ?? "";
    const nkey = /SEED-----\n(.*)\n/.exec(creds)?.[1] ?? "";
    assert.equal(await outcomeOf({ url, jwt, nkey }), "SUCCEEDED");
    assert.equal(await outcomeOf({ url, jwt, nkey: nats.endpoint("seed") }), "AUTH_FAILED", "the seed of another user");
    assert.equal(await outcomeOf({ url, creds: "nothing" }), "CREDENTIALS_INVALID");
    assert.equal(await outcomeOf({ url, creds_file: "/no/such/file" }), "FILE_UNREADABLE");
  });

  test("with a token over TLS", guard, async () => {
    const server = nats.endpoint("token");
    const tls_ca_file = nats.endpoint("ca");
    assert.equal(await outcomeOf({ url: server, token: "token-secret", tls_ca_file }), "SUCCEEDED");
    assert.equal(await outcomeOf({ url: `tls://token-secret@${server}`, tls_ca_file }), "SUCCEEDED");
    assert.equal(await outcomeOf({ url: server, token: "wrong", tls_ca_file }), "AUTH_FAILED");
    const distrusted = await executor.run({ url: server, token: "token-secret" });
    assert.equal(distrusted.report.code, "TLS_FAILED");
    assert.equal(distrusted.report.hint, "give the authority with tls_ca_file or tls_ca");
    const unverified = await executor.run({ url: server, token: "token-secret", tls_no_verify: "true" });
    assert.equal(unverified.report.outcome, "SUCCEEDED");
    assert.match(unverified.report.warnings?.[0] ?? "", /not verified/);
    const named = { url: server, token: "token-secret", tls_ca_file, tls_server_name: "other.test" };
    assert.equal(await outcomeOf(named), "TLS_FAILED", "the certificate is for another name");
    assert.equal(await outcomeOf({ ...named, tls_server_name: "localhost" }), "SUCCEEDED");
  });

  test("with a client certificate, to a server that begins with TLS", guard, async () => {
    const url = nats.endpoint("mutual");
    const tls_ca_file = nats.endpoint("ca");
    const identity = {
      tls_certificate_file: nats.endpoint("clientCertificate"),
      tls_certificate_key_file: nats.endpoint("clientKey"),
    };
    assert.equal(await outcomeOf({ url, tls_first: "true", tls_ca_file, ...identity }), "SUCCEEDED");
    assert.notEqual(await outcomeOf({ url, tls_first: "true", tls_ca_file }), "SUCCEEDED");
    const mixed = { ...identity, tls_certificate_key_file: nats.endpoint("ca") };
    assert.equal(await outcomeOf({ url, tls_first: "true", tls_ca_file, ...mixed }), "TLS_MATERIAL_INVALID");
  });

  test("insisting on TLS with a server that has none", guard, async () => {
    assert.equal(await outcomeOf({ url: `tls://${nats.endpoint("plain")}` }), "TLS_NOT_OFFERED");
    assert.equal(await outcomeOf({ url: nats.endpoint("plain"), tls: "true" }), "TLS_NOT_OFFERED");
  });

  test("as somebody who may not publish there fails, and says so", guard, async () => {
    const bob = { url: nats.endpoint("users"), userName: "bob", password: "bob-secret" };
    assert.equal(await outcomeOf(bob), "SUCCEEDED");
    const denied = await executor.run({ ...bob, subject: "other" });
    assert.equal(denied.report.code, "PERMISSION_DENIED");
    assert.equal(denied.report.message, "the server does not permit us to publish to other");
    assert.deepEqual([denied.report.effect, denied.report.retryability], ["NONE", "PERMANENT"]);
    const unasked = await executor.run({ ...bob, mode: "auto" });
    assert.equal(evidence(unasked, "mode"), "core", "who may not ask for streams publishes without");
    const inbox = await executor.run({ ...bob, mode: "request" });
    assert.equal(inbox.report.code, "PERMISSION_DENIED");
    assert.equal(await outcomeOf({ ...bob, mode: "request", inbox_prefix: "_BOB" }), "NO_RESPONDERS");
  });

  test("gives away no secret, whatever happens", guard, async () => {
    const planted = "pl4nted";
    const server = nats.endpoint("users");
    for (const config of [
      { url: server, userName: "alice", password: planted },
      { url: `nats://alice:${planted}@${server}` },
      { url: `nats://alice:${planted}@127.0.0.1:1` },
      { url: `nats://alice:${planted}@127.0.0.1:1/path` },
      { url: `nats://${planted}%@127.0.0.1:1` },
      { url: server, token: planted },
      { url: server, nkey: planted },
      { url: server, creds: planted },
      { url: server, jwt: planted, nkey: planted },
      { url: server, headers: `["${planted}"]` },
      { url: nats.endpoint("token"), tls_certificate: "x", tls_certificate_key: planted, tls_key_passphrase: planted },
    ]) {
      const run = await executor.run({ ...config, debug: "true" });
      assert.notEqual(run.report.outcome, "SUCCEEDED");
      assert.ok(!everythingTold(run).includes(planted), `${JSON.stringify(config)}: ${everythingTold(run)}`);
    }
  });
});
