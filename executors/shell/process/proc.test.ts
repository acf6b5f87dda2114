import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { commandLine, listProcesses, parseStat, readProcess, sendSignal, signalProcess, storageBytes } from "./proc.ts";

const tail = "S 10 20 30 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 123456 1000 200 18446744073709551615";

test("parseStat() reads the fields it needs", () => {
  assert.deepEqual(parseStat(`77 (sh) ${tail}`), {
    pid: 77,
    parentPid: 10,
    groupId: 20,
    sessionId: 30,
    startTicks: 123456,
    cpuTicks: 260,
    zombie: false,
    kernelThread: false,
  });
});

test("parseStat() is not fooled by a name with blanks and parentheses", () => {
  assert.equal(parseStat(`77 (a) b (c) 1) ${tail}`)?.startTicks, 123456);
});

test("parseStat() tells zombies and kernel threads", () => {
  assert.equal(parseStat(`77 (sh) ${tail.replace("S", "Z")}`)?.zombie, true);
  assert.equal(parseStat(`2 (kthreadd) ${tail.replace("4194560", "2129984")}`)?.kernelThread, true);
});

test("parseStat() says nothing about what is no such text", () => {
  for (const text of ["", "77", "77 (sh)", "77 (sh) S 1 2", "garbage"]) assert.equal(parseStat(text), undefined);
});

test("this very process is found, with its command line", () => {
  assert.equal(listProcesses().find(({ pid }) => pid === process.pid)?.parentPid, process.ppid);
  assert.match(commandLine(process.pid), /node/);
});

test("storageBytes() knows what this process has read and written, and nothing of one that is not there", () => {
  const { read, written } = storageBytes(process.pid) ?? {};
  assert.ok(Number.isSafeInteger(read) && Number.isSafeInteger(written), `${read} and ${written}`);
  assert.equal(storageBytes(2 ** 22 + 1), undefined);
});

test("signalProcess() does not signal another process that has the pid by now", async () => {
  const child = spawn("sleep", ["600"]);
  const info = readProcess(child.pid ?? 0);
  assert.ok(info !== undefined);
  assert.equal(signalProcess({ ...info, startTicks: info.startTicks - 1 }, "SIGKILL"), false);
  assert.equal(child.exitCode, null);
  assert.equal(signalProcess(info, "SIGKILL"), true);
  await once(child, "exit");
  assert.equal(signalProcess(info, "SIGKILL"), false);
});

test("sendSignal() takes no number that means more than one process or group", () => {
  for (const pid of [0, -1, 1]) assert.equal(sendSignal(pid, 0), false);
});
