import assert from "node:assert/strict";
import { test } from "node:test";

import { FieldError } from "@executor-host/sdk";

import { parseProxy, proxyAuthorization, proxyFor } from "./proxy.ts";

test("a proxy is written as a URL, with credentials encoded", () => {
  assert.deepEqual(parseProxy("http://us%40er:p%3Aw@proxy.test:3128"), {
    scheme: "http",
    hostname: "proxy.test",
    port: 3128,
    username: "us@er",
    password: "p:w",
  });
});

for (const [text, scheme, port] of [
  ["http://p.test", "http", 80],
  ["https://p.test", "https", 443],
  ["socks5://p.test", "socks5", 1080],
  ["socks5h://[::1]:9", "socks5", 9],
] as const) {
  test(`proxy ${text} means ${scheme} on port ${port}`, () => {
    const proxy = parseProxy(text);
    assert.ok(typeof proxy === "object");
    assert.deepEqual([proxy.scheme, proxy.port], [scheme, port]);
  });
}

for (const text of ["proxy.test:3128", "ftp://p.test", "http://", "socks4://p.test", "http://u:s3cret@"]) {
  test(`proxy ${text} is refused without being shown`, () => {
    assert.throws(
      () => parseProxy(text),
      (error) => error instanceof FieldError && error.message === "is no proxy URL",
    );
  });
}

test("proxy credentials become basic authentication", () => {
  const proxy = parseProxy("http://a:b@p.test");
  assert.ok(typeof proxy === "object");
  assert.equal(proxyAuthorization(proxy), `Basic ${Buffer.from("a:b").toString("base64")}`);
});

const http = new URL("http://api.example.test/x");
const https = new URL("https://api.example.test/x");

for (const [what, url, environment, expected] of [
  ["no variable", http, {}, undefined],
  ["HTTP_PROXY", http, { HTTP_PROXY: "http://p:1" }, "p:1"],
  ["http_proxy", http, { http_proxy: "http://p:1" }, "p:1"],
  ["HTTP_PROXY for https", https, { HTTP_PROXY: "http://p:1" }, undefined],
  ["HTTPS_PROXY without scheme", https, { HTTPS_PROXY: "p:1" }, "p:1"],
  ["ALL_PROXY", https, { ALL_PROXY: "socks5://p:1" }, "p:1"],
  ["NO_PROXY *", http, { HTTP_PROXY: "http://p:1", NO_PROXY: "*" }, undefined],
  ["NO_PROXY of the host", http, { HTTP_PROXY: "http://p:1", NO_PROXY: "x, api.example.test" }, undefined],
  ["NO_PROXY of a domain", http, { HTTP_PROXY: "http://p:1", NO_PROXY: ".example.test" }, undefined],
  ["NO_PROXY of a domain without dot", http, { HTTP_PROXY: "http://p:1", no_proxy: "example.test" }, undefined],
  ["NO_PROXY of a similar name", http, { HTTP_PROXY: "http://p:1", NO_PROXY: "ample.test" }, "p:1"],
  ["NO_PROXY with the port", http, { HTTP_PROXY: "http://p:1", NO_PROXY: "example.test:80" }, undefined],
  ["NO_PROXY with another port", http, { HTTP_PROXY: "http://p:1", NO_PROXY: "example.test:81" }, "p:1"],
  [
    "NO_PROXY of a network",
    new URL("http://10.1.2.3/"),
    { HTTP_PROXY: "http://p:1", NO_PROXY: "10.0.0.0/8" },
    undefined,
  ],
  ["another network", new URL("http://11.1.2.3/"), { HTTP_PROXY: "http://p:1", NO_PROXY: "10.0.0.0/8" }, "p:1"],
  ["an IPv6 address", new URL("http://[fd00::1]/"), { HTTP_PROXY: "http://p:1", NO_PROXY: "fd00::1" }, undefined],
  ["this machine", new URL("http://localhost:8080/"), { HTTP_PROXY: "http://p:1" }, undefined],
  ["this machine's address", new URL("http://127.0.0.2/"), { HTTP_PROXY: "http://p:1" }, undefined],
] as const) {
  test(`environment with ${what} gives ${expected ?? "a direct connection"}`, () => {
    const proxy = proxyFor("environment", url, environment);
    assert.equal(proxy && `${proxy.hostname}:${proxy.port}`, expected);
  });
}

test("an environment that names no proper proxy is a failure, not a direct connection", () => {
  assert.throws(() => proxyFor("environment", http, { HTTP_PROXY: "ftp://p" }), { code: "PROXY_FAILED" });
});
