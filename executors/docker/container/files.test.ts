import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { tarOf } from "./files.ts";

test("an archive is what tar reads, with long names, bytes and modes", () => {
  const long = `/etc/${"x".repeat(60)}/${"é".repeat(60)}.conf`;
  const content = Buffer.from([0, 255, 10, 13]);
  const archive = tarOf([
    { path: "/a", content, mode: 0o640 },
    { path: long, content: Buffer.alloc(513, 1), mode: 0o755 },
    { path: "/empty", content: Buffer.alloc(0), mode: 0o600 },
  ]);
  const tar = (...args: string[]): Buffer => execFileSync("tar", args, { input: archive });
  assert.deepEqual(tar("-xOf", "-", "a"), content);
  assert.match(
    tar("-tvf", "-", "--quoting-style=literal").toString(),
    /^-rw-r-----.* 4 .*a\n-rwxr-xr-x.* 513 .*\n-rw-------.* 0 .*empty\n$/,
  );
  assert.ok(
    tar("-tf", "-", "--quoting-style=literal")
      .toString()
      .includes(`${long.slice(1)}\n`),
  );
});
