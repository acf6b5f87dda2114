import assert from "node:assert/strict";
import test from "node:test";
import { findAccount, findGroupId, matchingEntry } from "./accounts.ts";

const passwd = "root:x:0:0:root:/root:/bin/bash\n1000:x:7:7::/home/odd:\nann:x:1000:100::/home/ann:/bin/zsh\n";

test("an entry is found by name before it is found by number", () => {
  assert.equal(matchingEntry(passwd, "ann")?.[2], "1000");
  assert.equal(matchingEntry(passwd, "0")?.[0], "root");
  assert.equal(matchingEntry(passwd, "1000")?.[2], "7");
  assert.equal(matchingEntry(passwd, "bob"), undefined);
  assert.equal(matchingEntry("", ""), undefined);
  assert.equal(matchingEntry("+::::::\n+ann\n", "+"), undefined);
});

test("the accounts of this machine are found", async () => {
  const root = await findAccount("root");
  assert.deepEqual([root?.name, root?.userId, root?.groupId], ["root", 0, 0]);
  assert.equal((await findAccount("0"))?.name, "root");
  assert.equal(await findGroupId("root"), 0);
});

test("what is no account is not found, whatever it looks like", async () => {
  for (const name of ["no-such-user-here", "", "root:x", "root\nx", "-h", "--help", "99999999"]) {
    assert.equal(await findAccount(name), undefined, name);
    assert.equal(await findGroupId(name), undefined, name);
  }
});
