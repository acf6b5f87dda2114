import assert from "node:assert/strict";
import { test } from "node:test";

import { parseAddresses } from "./address.ts";

test("a URL may leave out everything but its scheme", () => {
  const bare = {
    host: "localhost",
    port: 5672,
    tls: false,
    username: undefined,
    password: undefined,
    vhost: "/",
    options: {},
  };
  assert.deepEqual(parseAddresses("amqp://"), [bare]);
  assert.deepEqual(parseAddresses("amqps://mq.test/"), [{ ...bare, host: "mq.test", port: 5671, tls: true }]);
});

test("names and passwords are decoded, and the vhost too", () => {
  const [address] = parseAddresses("amqp://us%40er:p%2Fw%25@[::1]:1234/%2Fa%20b?heartbeat=5&channel_max=10");
  assert.deepEqual(address, {
    host: "::1",
    port: 1234,
    tls: false,
    username: "us@er",
    password: "p/w%",
    vhost: "/a b",
    options: { heartbeat: "5", channel_max: "10" },
  });
});

test("several are separated by commas, or in JSON; a comma in a password is none of them", () => {
  const hosts = (text: string): string[] => parseAddresses(text).map(({ host }) => host);
  assert.deepEqual(hosts("amqp://a.test, amqps://b.test,AMQP://u:x,y@c.test"), ["a.test", "b.test", "c.test"]);
  assert.deepEqual(hosts('["amqp://a.test","amqp://b.test"]'), ["a.test", "b.test"]);
});

test("what is wrong is told without what may be secret", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["http://u:pl4nted@a.test", "is not an amqp or amqps URL"],
    ["amqp//u:pl4nted@a.test", "is not an amqp or amqps URL"],
    ["amqp://a.test,amqp://u:pl4nted@b.test:99999", "entry 2 is not an amqp or amqps URL"],
    ["amqp://u:pl4nted%@a.test", "has a malformed % sequence"],
    ["amqp://a.test/a/b", "has a path of several parts"],
    ["amqp://a.test?heartbeet=1", 'has an unknown parameter "heartbeet"'],
    ["[", "is not a JSON array of strings"],
    ["[]", "names no broker"],
  ];
  for (const [text, message] of cases) assert.throws(() => parseAddresses(text), { name: "FieldError", message });
});
