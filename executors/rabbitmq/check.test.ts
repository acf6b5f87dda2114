import assert from "node:assert/strict";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";

const base = { url: "amqp://mq.example.test", "queue.name": "reports" };

function problems(given: Record<string, string>, on: Record<string, string> = base): string[] {
  const { value, violations } = config.parse({ ...on, ...given });
  return (violations ?? check(value)).map(({ field, message }) => `${field} ${message}`);
}

test("every key of Dkron's executor is taken", () => {
  const dkron = {
    url: "amqps://cron:p%40ss@mq.example.test/prod",
    "queue.name": "reports",
    exchange: "amq.default",
    "queue.create": "true",
    "queue.durable": "t",
    "queue.auto_delete": "0",
    "queue.exclusive": "FALSE",
    "message.content_type": "application/json",
    "message.delivery_mode": "0",
    "message.messageId": "m",
    "message.body": "{}",
    "message.base64Body": "",
  };
  assert.deepEqual(problems(dkron), []);
  assert.deepEqual(
    problems({ "queue.durable": "true", "queue.exclusive": "true" }),
    [],
    "flags of no queue, as jobs have them",
  );
});

test("a flag is what it says, and nothing else", () => {
  assert.equal(config.parse({ ...base, "queue.create": "0" }).value?.["queue.create"], false);
  assert.equal(config.parse({ ...base, "queue.create": "" }).value?.["queue.create"], false);
  assert.match(problems({ "queue.create": "no" }).join(), /^queue\.create /);
});

test("contradictions are named by their key", () => {
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{ "message.body": "a", "message.base64Body": "YQ==" }, "message.base64Body cannot be combined with message.body"],
    [{ "message.body": "a", messages: '[{"body":"b"}]' }, "messages cannot be combined with message.body"],
    [{ "queue.type": "quorum" }, "queue.type has no effect without queue.create"],
    [{ "queue.create": "true", "queue.check": "true" }, "queue.check cannot be combined with queue.create"],
    [
      { "queue.create": "true", "queue.type": "stream", "queue.durable": "false" },
      "queue.durable of a stream queue cannot be false",
    ],
    [
      { "queue.create": "true", "queue.type": "quorum", "queue.exclusive": "true" },
      "queue.exclusive is not possible with a quorum queue",
    ],
    [
      { "queue.create": "true", "queue.type": "quorum", "queue.arguments": '{"x-queue-type":"quorum"}' },
      "queue.arguments cannot hold x-queue-type with queue.type",
    ],
    [{ "exchange.create": "true" }, "exchange.create needs an exchange other than the default one"],
    [{ exchange: "e", "exchange.type": "topic" }, "exchange.type has no effect without exchange.create"],
    [
      { exchange: "e", "exchange.create": "true", "exchange.internal": "true" },
      "exchange.internal is not possible here: nobody could publish to it",
    ],
    [{ rpc: "true", "message.reply_to": "a" }, "message.reply_to cannot be combined with rpc"],
    [{ rpc: "true", confirm: "false" }, "confirm cannot be false with rpc"],
    [{ rpc: "true", in_flight: "2" }, "in_flight has no effect with rpc"],
    [{ confirm: "false", in_flight: "2" }, "in_flight has no effect with confirm=false"],
    [{ rpc: "true", messages: '[{"body":"b"}]' }, "messages cannot be combined with rpc"],
    [{ tls_ca_file: "/ca.pem" }, "tls_ca_file has no effect without TLS"],
    [{ url: "amqps://a.test", auth: "external" }, "tls_certificate_file is required with auth=external"],
    [{ "message.delivery_mode": "3" }, "message.delivery_mode 3 is more than 2"],
    [{ "message.expiration": "soon" }, "message.expiration is not a duration"],
    [{ "message.headers": '{"a":{"!":"byte","value":200}}' }, "message.headers a is out of the range of byte"],
    [{ "queue.bindings": '[{"routing_key":"a"}]' }, "queue.bindings[0].exchange is required"],
    [{ "message.correlation_id": "x".repeat(256) }, "message.correlation_id is longer than 255 bytes"],
    [{ "message.base64": "eA==" }, "message.base64 is not a known key"],
  ];
  for (const [given, problem] of cases) assert.deepEqual(problems(given), [problem]);
});

test("a message needs a way to go", () => {
  const url = { url: "amqp://a.test" };
  assert.deepEqual(problems({}, url), ["queue.name is required without exchange and routing_key"]);
  for (const enough of [{ exchange: "e" }, { routing_key: "r" }, { messages: '[{"body":"b","routing_key":"r"}]' }]) {
    assert.deepEqual(problems(enough, url), []);
  }
  assert.deepEqual(problems({ exchange: "e", "queue.create": "true" }, url), ["queue.create needs queue.name"]);
});
