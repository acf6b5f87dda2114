import assert from "node:assert/strict";
import { test } from "node:test";

import { redirected, type OutgoingRequest } from "./redirect.ts";

const request: OutgoingRequest = {
  method: "POST",
  url: new URL("https://a.test/start?x=1#part"),
  headers: [
    ["Authorization", "Bearer t"],
    ["Cookie", "c=1"],
    ["X-Api-Key", "k"],
    ["Host", "virtual.test"],
    ["Content-Type", "text/plain"],
    ["X-Trace", "cron"],
  ],
  body: Buffer.from("body"),
};

const to = (status: number, location: string) => ({ status, headers: { location: [location] } });

for (const [status, method, expected, keepsBody] of [
  [301, "POST", "GET", false],
  [302, "POST", "GET", false],
  [303, "POST", "GET", false],
  [307, "POST", "POST", true],
  [308, "POST", "POST", true],
  [301, "PUT", "PUT", true],
  [302, "DELETE", "DELETE", true],
  [303, "PUT", "GET", false],
  [303, "HEAD", "HEAD", true],
] as const) {
  test(`a ${status} after ${method} is followed with ${expected}`, () => {
    const next = redirected({ ...request, method }, to(status, "/next"), "all");
    assert.equal(next?.method, expected);
    assert.equal(next?.url.href, "https://a.test/next#part");
    assert.equal(next?.body !== undefined, keepsBody);
    assert.equal(
      next?.headers.some(([name]) => name === "Content-Type"),
      keepsBody,
    );
  });
}

test("credentials stay within their origin", () => {
  const within = redirected(request, to(307, "/next"), "all");
  assert.deepEqual(within?.headers, request.headers);
  for (const location of ["https://b.test/", "http://a.test/", "https://a.test:8443/"]) {
    const beyond = redirected(request, to(307, location), "all");
    assert.deepEqual(beyond?.headers, [
      ["Content-Type", "text/plain"],
      ["X-Trace", "cron"],
    ]);
  }
});

test("credentials in a location are not taken over", () => {
  assert.equal(redirected(request, to(302, "https://u:p@a.test/next"), "all")?.url.href, "https://a.test/next#part");
});

test("the policy decides which redirects are followed", () => {
  assert.equal(redirected(request, to(302, "/next"), "off"), undefined);
  assert.equal(redirected(request, to(307, "/next"), "safe"), undefined);
  assert.ok(redirected({ ...request, method: "GET" }, to(307, "/next"), "safe"));
});

test("a response that names no other place is the answer", () => {
  assert.equal(redirected(request, { status: 302, headers: {} }, "all"), undefined);
  for (const status of [200, 300, 304, 305]) assert.equal(redirected(request, to(status, "/next"), "all"), undefined);
});

for (const location of ["ftp://a.test/", "file:///etc/passwd", "http://"]) {
  test(`a redirect to ${location} is a failure`, () => {
    assert.throws(() => redirected(request, to(302, location), "all"), { code: "REDIRECT_INVALID" });
  });
}
