import assert from "node:assert/strict";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";

const base = { brokerAddress: "k1.example.test:9092", topic: "ticks" };

function problems(given: Record<string, string>): string[] {
  const { value, violations } = config.parse({ ...base, ...given });
  return (violations ?? check(value)).map(({ field, message }) => `${field} ${message}`);
}

test("every key of Dkron's executor is taken in every form it has there", () => {
  const dkron = { brokerAddress: "k1:9092, k2:9093 ,", message: '{"t":1}', key: "eu", tlsEnable: "true", debug: "yes" };
  const login = { tlsInsecureSkipVerify: "true", saslUsername: "cron", saslPassword: "x", saslMechanism: "sha512" };
  assert.deepEqual(problems({ ...dkron, ...login }), []);
  assert.deepEqual(config.parse({ ...base, ...dkron }).value?.brokerAddress, ["k1:9092", "k2:9093"]);
  assert.deepEqual(problems({ saslMechanism: "sha256", saslUsername: "a", saslPassword: "b", message: "" }), []);
});

test("a user without a password, or the other way round, is no login in the clear", () => {
  assert.deepEqual(problems({ saslUsername: "cron" }), ["saslMechanism is required with saslUsername"]);
  assert.deepEqual(problems({ saslPassword: "x" }), ["saslMechanism is required with saslPassword"]);
  assert.deepEqual(problems({ saslMechanism: "sha256", saslUsername: "cron" }), [
    "saslPassword is required with saslMechanism",
  ]);
});

test("a spelling of true switches TLS on, and anything else is refused", () => {
  assert.equal(config.parse({ ...base, tlsEnable: "True" }).value?.tlsEnable, true);
  assert.equal(config.parse({ ...base, tlsEnable: "1" }).value?.tlsEnable, true);
  assert.match(problems({ tlsEnable: "on" }).join(), /^tlsEnable /);
});

test("contradictions are named by their key", () => {
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{ message: "a", message_base64: "YQ==" }, "message_base64 cannot be combined with message"],
    [{ message: "a", tombstone: "true" }, "tombstone cannot be combined with message"],
    [{ message: "a", messages: '[{"value":"b"}]' }, "messages cannot be combined with message"],
    [{ key: "a", key_base64: "YQ==" }, "key_base64 cannot be combined with key"],
    [{ messages: '[{"value":"b"}]', key: "a" }, "key cannot be combined with messages"],
    [{ acks: "leader", idempotent: "true" }, "idempotent needs acks=all: leader"],
    [{ acks: "none", transaction: "true" }, "acks of a transaction must be all: none"],
    [{ transactional_id: "a", idempotent: "false" }, "idempotent cannot be false in a transaction"],
    [{ create_topic_partitions: "3" }, "create_topic_partitions has no effect without create_topic"],
    [{ tls_ca_file: "/ca.pem" }, "tls_ca_file has no effect without tlsEnable"],
    [{ tlsInsecureSkipVerify: "true" }, "tlsInsecureSkipVerify has no effect without tlsEnable"],
    [
      { tlsEnable: "true", tls_certificate_file: "/c.pem" },
      "tls_certificate_key_file is required with a client certificate",
    ],
    [{ saslMechanism: "oauthbearer" }, "sasl_token is required with oauthbearer"],
    [
      { saslMechanism: "oauthbearer", sasl_token_url: "https://a.test", sasl_client_id: "a" },
      "sasl_client_secret is required to get a token",
    ],
    [
      { saslMechanism: "oauthbearer", sasl_token: "a", saslUsername: "b" },
      "saslUsername has no effect with this saslMechanism",
    ],
    [
      { saslMechanism: "plain", saslUsername: "a", saslPassword: "b", sasl_token: "c" },
      "sasl_token has no effect with this saslMechanism",
    ],
    [{ saslMechanism: "gssapi" }, "saslMechanism is no mechanism known here"],
    [{ brokerAddress: "k1:99999" }, 'brokerAddress "k1:99999" is not host:port'],
    [{ brokerAddress: "http://u:pw@k1:9092" }, 'brokerAddress "...@k1:9092" is not host:port'],
    [{ brokerAddress: " , " }, "brokerAddress names no broker"],
    [{ brokeraddress: "x" }, "brokeraddress is not a known key"],
    [{ sasl_token_url: "https://u:pw@a.test" }, "sasl_token_url must not hold credentials"],
  ];
  for (const [given, problem] of cases) assert.deepEqual(problems(given), [problem]);
});

test("what is empty or off contradicts nothing", () => {
  assert.deepEqual(
    problems({ message: "", messages: '[{"value":"b"}]', tombstone: "false", key: "", key_base64: "" }),
    [],
  );
  assert.deepEqual(problems({ message: "a", tombstone: "false" }), []);
});
