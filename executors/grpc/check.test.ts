import assert from "node:assert/strict";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";
import { parseTarget } from "./request/target.ts";

/** `field message` of everything that is wrong. */
function problems(given: Record<string, string>): string[] {
  const { value, violations } = config.parse({ url: "h:1/a.B/C", ...given });
  return (violations ?? check(value)).map(({ field, message }) => `${field} ${message}`);
}

test("every key of Dkron's executor is taken in every form it takes there", () => {
  const { value } = config.parse({
    url: "search.example.test:9000/search.v1.Index/Rebuild",
    body: '{"full":true}',
    timeout: "60",
    expectCode: "0",
    headers: '["authorization: Bearer x","x-raw-bin: AAE="]',
  });
  assert.ok(value);
  assert.deepEqual(check(value), []);
  assert.equal(value.timeout, 60_000);
  assert.deepEqual(value.headers, [
    ["authorization", "Bearer x"],
    ["x-raw-bin", "AAE="],
  ]);
  assert.deepEqual(problems({ timeout: "soon" }), ['timeout "soon" is not a duration']);
});

for (const [url, peer, tls, service, method] of [
  ["h:1/a.B/C", "h:1", undefined, "a.B", "C"],
  ["h:1/a.v1.B.C", "h:1", undefined, "a.v1.B", "C"],
  ["http://h:1/B/C", "h:1", false, "B", "C"],
  ["grpc://h/a.B/C", "h:80", false, "a.B", "C"],
  ["https://h/a.B/C", "h:443", true, "a.B", "C"],
  ["grpcs://[::1]:9/a.B/C", "[::1]:9", true, "a.B", "C"],
  ["unix:/run/x.sock/a.B/C", "/run/x.sock", undefined, "a.B", "C"],
  ["unix:///run/x.sock", "/run/x.sock", undefined, undefined, undefined],
  ["h:1", "h:1", undefined, undefined, undefined],
] as const) {
  test(`reads ${url}`, () => {
    const target = parseTarget(url);
    assert.deepEqual(
      [target.peer, target.tls, target.method?.service, target.method?.method],
      [peer, tls, service, method],
    );
  });
}

for (const [what, given, expected] of [
  ["a URL without a port", { url: "h/a.B/C" }, "url names no port"],
  ["a URL without a method", { url: "h:1" }, "url names no method"],
  ["a path that is no method", { url: "h:1/a" }, "url names no method"],
  ["another scheme", { url: "ftp://h:1/a.B/C" }, "url has the unknown scheme ftp"],
  ["a user in the URL", { url: "u:p@h:1/a.B/C" }, "url holds a user, which gRPC does not know"],
  ["two methods", { method: "a.B/D" }, "method is named by url already"],
  ["two bodies", { body: "{}", body_file: "/x" }, "body_file cannot be combined with body"],
  [
    "two schemas",
    { descriptor_set: "AA==", proto_files: "a.proto" },
    "proto_files cannot be combined with descriptor_set",
  ],
  ["directories without files", { proto_paths: "/x" }, "proto_paths makes no sense without proto_files"],
  ["a service without a question", { health_service: "a" }, "health_service makes no sense without health"],
  ["a method and a question", { health: "true" }, "health cannot be combined with a method"],
  ["an expectation that is no object", { expect_message: "[1]" }, "expect_message is not a JSON object"],
  ["TLS and its contrary", { url: "http://h:1/a.B/C", tls: "true" }, "tls contradicts the scheme of url"],
  ["keys of TLS without TLS", { tls: "false", tls_ca: "x" }, "tls_ca makes no sense without TLS"],
  ["an unknown code", { expectCode: "0,FINE" }, 'expectCode "FINE" is no status code'],
  ["a reserved header", { headers: '["grpc-timeout: 1S"]' }, 'headers header "grpc-timeout" is reserved by gRPC'],
  ["bytes that are not base64", { headers: '["x-bin: ?"]' }, 'headers the value of header "x-bin" is not base64'],
  [
    "two identities",
    { token: "t", headers: '["Authorization: x"]' },
    "token cannot be combined with a header authorization",
  ],
  ["too many attempts", { retry_attempts: "6" }, "retry_attempts 6 is more than 5"],
] as const) {
  test(`${what} is refused`, () => assert.deepEqual(problems(given), [expected]));
}
