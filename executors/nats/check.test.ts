import assert from "node:assert/strict";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";

/** `field message` of everything that is wrong. */
function problems(given: Record<string, string>): string[] {
  const { value, violations } = config.parse({ url: "localhost", ...given });
  return (violations ?? check(value)).map(({ field, message }) => `${field} ${message}`);
}

test("every key of Dkron's executor is taken in every form it takes there", () => {
  const parsed = config.parse({
    url: " nats://n1.test:4223 ,tls://n2.test,n3.test, nats://me:p%40ss@[::1]:1 ",
    subject: "jobs.nudge",
    message: "go",
    userName: "",
    password: "",
    debug: "yes",
  });
  assert.deepEqual(
    parsed.value?.url.map(({ host, port, tls, user, password }) => [host, port, tls, user, password]),
    [
      ["n1.test", 4223, false, undefined, undefined],
      ["n2.test", 4222, true, undefined, undefined],
      ["n3.test", 4222, false, undefined, undefined],
      ["::1", 1, false, "me", "p@ss"],
    ],
  );
  assert.equal(parsed.value?.debug, true);
  assert.deepEqual(parsed.value && check(parsed.value), []);
});

for (const [what, given, expected] of [
  ["no server", { url: " , ", subject: "a" }, "url names no server"],
  ["an address with a path", { url: "nats://h:1/x", subject: "a" }, "url server 1 is not a server's address"],
  ["a WebSocket", { url: "a, wss://h", subject: "a" }, "url server 2 is a WebSocket, which is not supported"],
  ["another scheme", { url: "http://h", subject: "a" }, "url server 1 has the unknown scheme http"],
  ["no subject", {}, "subject is required"],
  ["a wildcard", { subject: "a.*" }, "subject holds a wildcard"],
  ["a blank in a subject", { subject: "a b" }, "subject holds a blank or a control character"],
  ["an empty token", { subject: "a..b" }, "subject has an empty token"],
  ["two payloads", { subject: "a", message: "x", message_json: "1" }, "message_json cannot be combined with message"],
  ["bad base64", { subject: "a", message_base64: "a" }, "message_base64 is not base64"],
  ["two identities", { subject: "a", userName: "u", token: "t" }, "token cannot be combined with userName"],
  ["a password alone", { subject: "a", password: "p" }, "userName is required with a password"],
  ["a JWT alone", { subject: "a", jwt: "x" }, "jwt is not enough without its seed"],
  [
    "a certificate alone",
    { subject: "a", tls_certificate: "x" },
    "tls_certificate_key_file is required with a client certificate",
  ],
  ["a bucket without a key", { kv_bucket: "b" }, "kv_key is required with kv_bucket"],
  [
    "a bucket and a subject",
    { kv_bucket: "b", kv_key: "k", subject: "a" },
    "subject cannot be combined with kv_bucket",
  ],
  ["a revision alone", { subject: "a", kv_revision: "1" }, "kv_revision makes no sense without kv_bucket"],
  [
    "a stream's key in core",
    { subject: "a", mode: "core", expect_stream: "S" },
    "expect_stream has no meaning with mode=core",
  ],
  [
    "answers to others in a stream",
    { subject: "a", mode: "jetstream", reply_to: "b" },
    "reply_to cannot be combined with waiting for an answer",
  ],
  ["replies without a request", { subject: "a", replies: "2" }, "replies makes no sense without mode=request"],
  ["a time to live below a second", { subject: "a", ttl: "10ms" }, 'ttl "10ms" is shorter than 1s'],
  ["a header without a colon", { subject: "a", headers: '["x"]' }, "headers entry 1 has no colon"],
  ["a key that nobody knows", { subject: "a", mesage: "x" }, "mesage is not a known key"],
] as const) {
  test(`${what} is refused`, () => assert.deepEqual(problems(given), [expected]));
}
