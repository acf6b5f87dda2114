import assert from "node:assert/strict";
import { test } from "node:test";

import { redactHeader, redactUrl } from "./redact.ts";

for (const [name, shown] of [
  ["Authorization", false],
  ["proxy-authorization", false],
  ["Cookie", false],
  ["Set-Cookie", false],
  ["WWW-Authenticate", false],
  ["X-Api-Key", false],
  ["X-Auth-Token", false],
  ["X-Amz-Security-Token", false],
  ["Content-Type", true],
  ["X-Author", true],
  ["Idempotency-Key", true],
  ["Keep-Alive", true],
  ["ETag", true],
] as const) {
  test(`the value of ${name} is ${shown ? "shown" : "masked"}`, () => {
    assert.equal(redactHeader(name, "value"), shown ? "value" : "***");
  });
}

for (const [url, shown] of [
  ["https://user:pass@a.test/x?b=1#f", "https://a.test/x?b=1"],
  ["https://a.test/?api_key=s&page=2&access_token=t", "https://a.test/?api_key=***&page=2&access_token=***"],
  ["https://a.test/?X-Amz-Signature=s&author=me", "https://a.test/?X-Amz-Signature=***&author=me"],
] as const) {
  test(`the URL ${url} is shown as ${shown}`, () => {
    assert.equal(redactUrl(new URL(url)), shown);
  });
}

test("a Location header is shown without its secrets, relative or not", () => {
  assert.equal(redactHeader("location", "https://u:p@a.test/?token=t"), "https://a.test/?token=***");
  assert.equal(redactHeader("Location", "/next?token=t&a=1"), "/next?token=***&a=1");
  assert.equal(redactHeader("Location", "/next"), "/next");
});
