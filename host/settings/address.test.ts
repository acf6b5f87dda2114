import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, isLocal, parseAddress } from "./address.ts";

test("parseAddress() reads unix and tcp addresses, and formatAddress() writes them back", () => {
  assert.deepEqual(parseAddress("unix:/run/host.sock"), { kind: "unix", path: "/run/host.sock" });
  assert.deepEqual(parseAddress("unix:///run/host.sock"), { kind: "unix", path: "/run/host.sock" });
  assert.deepEqual(parseAddress("tcp:127.0.0.1:7000"), { kind: "tcp", host: "127.0.0.1", port: 7000 });
  assert.deepEqual(parseAddress("tcp:[::1]:7000"), { kind: "tcp", host: "::1", port: 7000 });
  for (const text of ["unix:/run/host.sock", "tcp:127.0.0.1:7000", "tcp:[::1]:7000", "tcp:localhost:0"]) {
    const address = parseAddress(text);
    assert.ok(address !== undefined);
    assert.equal(formatAddress(address), text);
  }
});

for (const text of [
  "",
  "unix:host.sock",
  "unix:",
  "tcp:7000",
  "tcp:::1:7000",
  "tcp:[1.2.3.4]:5",
  "tcp:a:70000",
  "http://a:1",
]) {
  test(`parseAddress() refuses '${text}'`, () => assert.equal(parseAddress(text), undefined));
}

test("isLocal() is true for sockets and loopback only", () => {
  const local = ["unix:/s", "tcp:127.0.0.1:1", "tcp:127.9.9.9:1", "tcp:[::1]:1", "tcp:localhost:1"];
  const remote = ["tcp:0.0.0.0:1", "tcp:[::]:1", "tcp:10.0.0.1:1", "tcp:example.com:1", "tcp:127.example.com:1"];
  const judge = (text: string) => {
    const address = parseAddress(text);
    assert.ok(address !== undefined, text);
    return isLocal(address);
  };
  assert.deepEqual(
    local.map(judge),
    local.map(() => true),
  );
  assert.deepEqual(
    remote.map(judge),
    remote.map(() => false),
  );
});
