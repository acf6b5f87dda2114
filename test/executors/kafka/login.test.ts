import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import kafkajs from "kafkajs";
import { createKafkaExecutor } from "../../../executors/kafka/definition.ts";
import { everythingTold, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { readTopic } from "./kcat.ts";

const kafka = service("kafka");
const topic = `login-${randomUUID()}`;

function executor(more: Record<string, string>) {
  return new TestExecutor(createKafkaExecutor(), { topic, create_topic: "true", message: "x", ...more });
}

/** A token without a signature, as the broker takes them. */
function tokenOf(subject: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const parts = [{ alg: "none" }, { sub: subject, iat: seconds, exp: seconds + 3600 }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
}

describe("a login", { ...guard, skip: kafka.skip }, () => {
  const passwordLogin = (saslMechanism: string) => ({
    brokerAddress: kafka.endpoint("sasl"),
    saslMechanism,
    saslUsername: kafka.endpoint("user"),
    saslPassword: kafka.endpoint("password"),
  });

  for (const mechanism of ["sha256", "sha512", "plain"]) {
    test(`with ${mechanism} gets in with the right password only`, guard, async () => {
      await using right = executor(passwordLogin(mechanism));
      assert.equal((await right.run()).report.outcome, "SUCCEEDED");
      assert.equal((await right.probe()).ok, true);
      await using wrong = executor({ ...passwordLogin(mechanism), saslPassword: "pl4nted" });
      const run = await wrong.run();
      assert.deepEqual(
        [run.report.code, run.report.retryability, run.report.effect],
        ["AUTH_FAILED", "PERMANENT", "NONE"],
      );
      assert.equal((await wrong.probe()).code, "AUTH_FAILED");
      assert.ok(!everythingTold(run).includes("pl4nted"));
    });
  }

  test("with a token gets in while the token is good", guard, async () => {
    const oauth = { brokerAddress: kafka.endpoint("sasl"), saslMechanism: "oauthbearer" };
    await using right = executor({ ...oauth, sasl_token: tokenOf("bob") });
    assert.equal((await right.run()).report.outcome, "SUCCEEDED");
    await using wrong = executor({ ...oauth, sasl_token: "pl4nted" });
    const run = await wrong.run();
    assert.deepEqual([run.report.code, run.report.effect], ["AUTH_FAILED", "NONE"]);
    assert.ok(!everythingTold(run).includes("pl4nted"));
  });

  test("gets its token with client credentials, once for many executions", guard, async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        asked.push(`${request.headers.authorization} ${body}`);
        const good = request.headers.authorization === `Basic ${Buffer.from("id:pl4nted").toString("base64")}`;
        response.writeHead(good ? 200 : 401).end(JSON.stringify({ access_token: tokenOf("carol"), expires_in: 3600 }));
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const login = {
        brokerAddress: kafka.endpoint("sasl"),
        saslMechanism: "oauthbearer",
        sasl_token_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
        sasl_client_id: "id",
        sasl_scope: "kafka",
      };
      await using right = executor({ ...login, sasl_client_secret: "pl4nted" });
      for (const message of ["1", "2"]) assert.equal((await right.run({ message })).report.outcome, "SUCCEEDED");
      await Promise.all(["3", "4", "5"].map((message) => right.run({ message })));
      assert.equal(asked.length, 1, "for all connections together");
      assert.match(asked[0] ?? "", / grant_type=client_credentials&scope=kafka$/);
      await using wrong = executor({ ...login, sasl_client_secret: "other" });
      const { report } = await wrong.run();
      assert.equal(report.code, "AUTH_FAILED");
      assert.match(report.message ?? "", /token server 127\.0\.0\.1:\d+ refuses the client: status 401/);
    } finally {
      server.close();
    }
    await using gone = executor({
      brokerAddress: kafka.endpoint("sasl"),
      saslMechanism: "oauthbearer",
      sasl_token_url: "http://127.0.0.1:1/token",
      sasl_client_id: "id",
      sasl_client_secret: "pl4nted",
    });
    const run = await gone.run();
    assert.deepEqual([run.report.code, run.report.retryability], ["TOKEN_UNAVAILABLE", "RETRYABLE"]);
    assert.ok(!everythingTold(run).includes("pl4nted"));
  });

  test("that may not write to a topic is told so", guard, async () => {
    const guarded = `guarded-${randomUUID()}`;
    const admin = new kafkajs.Kafka({ brokers: [kafka.endpoint("broker")] }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: guarded }] });
    const common = { resourceName: guarded, host: "*", permissionType: kafkajs.AclPermissionTypes.DENY } as const;
    await admin.createAcls({
      acl: [
        {
          ...common,
          resourceType: kafkajs.AclResourceTypes.TOPIC,
          resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
          principal: `User:${kafka.endpoint("deniedUser")}`,
          operation: kafkajs.AclOperationTypes.WRITE,
        },
        {
          ...common,
          permissionType: kafkajs.AclPermissionTypes.ALLOW,
          resourceType: kafkajs.AclResourceTypes.TOPIC,
          resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
          principal: "User:*",
          operation: kafkajs.AclOperationTypes.ALL,
        },
      ],
    });
    await admin.disconnect();
    await using denied = executor({
      ...passwordLogin("sha256"),
      topic: guarded,
      saslUsername: kafka.endpoint("deniedUser"),
    });
    const { report } = await denied.run();
    assert.deepEqual([report.code, report.retryability, report.effect], ["NOT_ALLOWED", "PERMANENT", "NONE"]);
    await using allowed = executor({ ...passwordLogin("sha256"), topic: guarded });
    assert.equal((await allowed.run()).report.outcome, "SUCCEEDED");
    assert.equal((await readTopic(kafka.endpoint("broker"), guarded)).length, 1);
  });
});

describe("TLS", { ...guard, skip: kafka.skip }, () => {
  const tls = () => ({ tlsEnable: "true", tls_ca_file: kafka.endpoint("caFile") });

  test("is spoken with a broker whose authority is known", guard, async () => {
    await using right = executor({ brokerAddress: kafka.endpoint("ssl"), ...tls() });
    assert.equal((await right.run()).report.outcome, "SUCCEEDED");
    await using unknown = executor({ brokerAddress: kafka.endpoint("ssl"), tlsEnable: "true" });
    const { report } = await unknown.run();
    assert.deepEqual([report.code, report.retryability, report.effect], ["TLS_FAILED", "PERMANENT", "NONE"]);
    await using careless = executor({
      brokerAddress: kafka.endpoint("ssl"),
      tlsEnable: "1",
      tlsInsecureSkipVerify: "T",
    });
    const run = await careless.run();
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.match(run.report.warnings?.join() ?? "", /certificates were not verified/);
  });

  test("checks the broker's name", guard, async () => {
    await using other = executor({ brokerAddress: kafka.endpoint("ssl"), ...tls(), tls_server_name: "other.test" });
    assert.equal((await other.run()).report.code, "TLS_FAILED");
    await using named = executor({ brokerAddress: kafka.endpoint("ssl"), ...tls(), tls_server_name: "localhost" });
    assert.equal((await named.run()).report.outcome, "SUCCEEDED");
  });

  test("carries a client certificate, and a login besides", guard, async () => {
    const certificate = {
      tls_certificate_file: kafka.endpoint("clientCertificateFile"),
      tls_certificate_key_file: kafka.endpoint("clientKeyFile"),
    };
    await using known = executor({ brokerAddress: kafka.endpoint("mtls"), ...tls(), ...certificate });
    assert.equal((await known.run()).report.outcome, "SUCCEEDED");
    await using unknown = executor({ brokerAddress: kafka.endpoint("mtls"), ...tls() });
    const { report } = await unknown.run();
    assert.deepEqual([report.code, report.effect], ["TLS_FAILED", "NONE"]);
    await using login = executor({
      brokerAddress: kafka.endpoint("saslSsl"),
      ...tls(),
      saslMechanism: "sha512",
      saslUsername: kafka.endpoint("user"),
      saslPassword: kafka.endpoint("password"),
    });
    assert.equal((await login.run()).report.outcome, "SUCCEEDED");
  });
});
