import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { diagnose } from "./diagnosis.ts";
import { detectFormat, type ExecutableFormat } from "./executable-format.ts";

/** An ELF header with one program header, which names a loader. */
function elf(machine: number, loader: string): Buffer {
  const file = Buffer.alloc(256);
  file.writeUInt32BE(0x7f454c46, 0);
  file[4] = 2; // 64 bits
  file[5] = 1; // little endian
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(64n, 32); // program headers start here
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(3, 64); // PT_INTERP
  file.writeBigUInt64LE(128n, 72);
  file.writeBigUInt64LE(BigInt(loader.length + 1), 96);
  file.write(`${loader}\0`, 128, "latin1");
  return file;
}

function pe(machine: number): Buffer {
  const file = Buffer.alloc(128);
  file.write("MZ");
  file.writeUInt32LE(64, 60);
  file.write("PE\0\0", 64, "latin1");
  file.writeUInt16LE(machine, 68);
  return file;
}

function machO(cpu: number): Buffer {
  const file = Buffer.alloc(32);
  file.writeUInt32BE(0xcffaedfe, 0);
  file.writeUInt32LE(cpu, 4);
  return file;
}

function fatMachO(cpus: number[]): Buffer {
  const file = Buffer.alloc(8 + 20 * cpus.length);
  file.writeUInt32BE(0xcafebabe, 0);
  file.writeUInt32BE(cpus.length, 4);
  cpus.forEach((cpu, index) => file.writeUInt32BE(cpu, 8 + 20 * index));
  return file;
}

describe("detectFormat() tells", () => {
  const rows: Record<string, { head: Buffer; format: ExecutableFormat }> = {
    "ELF with its loader": {
      head: elf(62, "/lib64/ld-linux-x86-64.so.2"),
      format: { kind: "elf", architecture: "x64", loader: "/lib64/ld-linux-x86-64.so.2" },
    },
    "ELF cut off after its header": {
      head: elf(183, "/x").subarray(0, 64),
      format: { kind: "elf", architecture: "arm64", loader: undefined },
    },
    "ELF for a machine without a name": {
      head: elf(9999, "").subarray(0, 64),
      format: { kind: "elf", architecture: "machine 9999", loader: undefined },
    },
    PE: { head: pe(0x8664), format: { kind: "pe", architecture: "x64" } },
    "Mach-O": { head: machO(0x0100000c), format: { kind: "mach-o", architecture: "arm64" } },
    "Mach-O for two machines": {
      head: fatMachO([0x01000007, 0x0100000c]),
      format: { kind: "mach-o", architecture: "x64 and arm64" },
    },
    "a Java class, which starts like Mach-O": {
      head: Buffer.from("cafebabe00000041000102030405060708090a0b", "hex"),
      format: { kind: "unknown" },
    },
    "a script": {
      head: Buffer.from("#! /usr/bin/env node --x\nrest"),
      format: { kind: "script", interpreter: "/usr/bin/env", argument: "node --x" },
    },
    "a script without an argument": {
      head: Buffer.from("#!/bin/sh\n"),
      format: { kind: "script", interpreter: "/bin/sh", argument: "" },
    },
    "an empty file": { head: Buffer.alloc(0), format: { kind: "empty" } },
    "anything else": { head: Buffer.from("MZ? no"), format: { kind: "unknown" } },
  };
  for (const [name, { head, format }] of Object.entries(rows)) {
    it(name, () => assert.deepEqual(detectFormat(head), format));
  }

  it("the program that runs this test", async () => {
    assert.deepEqual(await diagnose(process.execPath, {}), []);
  });
});

describe("diagnose() names", () => {
  let directory = "";
  before(() => (directory = mkdtempSync(join(tmpdir(), "diagnosis-"))));
  after(() => rmSync(directory, { recursive: true }));

  const foreignMachine = process.arch === "arm64" ? 62 : 183;
  const rows: Record<
    string,
    { content: Buffer | string; mode?: number; env?: Record<string, string>; finding: RegExp }
  > = {
    "a missing interpreter": { content: "#!/no/such/shell\n", finding: /interpreter \/no\/such\/shell is not here/ },
    "an interpreter with a carriage return": { content: "#!/bin/sh\r\n", finding: /CR LF/ },
    "a program that env cannot find": {
      content: "#!/usr/bin/env no-such-program\n",
      env: { PATH: "/bin" },
      finding: /no-such-program, which is not in the plugin's PATH: \/bin/,
    },
    "a program for another machine": {
      content: elf(foreignMachine, "/lib/ld.so"),
      finding: new RegExp(`program for \\w+; this machine is ${process.platform} ${process.arch}`),
    },
    "a Windows program": { content: pe(0x14c), finding: /PE \(Windows\) program for ia32/ },
    "text without an interpreter": { content: "echo hi\n", finding: /neither a program .* nor a script/ },
    "an empty file": { content: "", finding: /empty/ },
    "a file that may not be executed": { content: "#!/bin/sh\n", mode: 0o644, finding: /mode 0644, owner \d+:\d+/ },
  };
  for (const [name, { content, mode = 0o755, env = {}, finding }] of Object.entries(rows)) {
    it(name, async () => {
      const file = join(directory, name.replaceAll(" ", "-"));
      writeFileSync(file, content);
      chmodSync(file, mode);
      assert.match((await diagnose(file, env)).join("; "), finding);
    });
  }

  it("a missing loader", { skip: process.platform !== "linux" && "skipped: not Linux" }, async () => {
    const file = join(directory, "musl");
    const machines: Partial<Record<NodeJS.Architecture, number>> = { x64: 62, arm64: 183 };
    writeFileSync(file, elf(machines[process.arch] ?? 0, "/lib/ld-of-another-libc.so"), { mode: 0o755 });
    assert.match((await diagnose(file, {})).join("; "), /loader \/lib\/ld-of-another-libc.so, which is not here/);
  });

  it("a missing file and a directory", async () => {
    assert.match((await diagnose(join(directory, "nothing"), {})).join("; "), /ENOENT/);
    assert.match((await diagnose(directory, {})).join("; "), /is not a file/);
  });

  it("nothing about a script that can run", async () => {
    const file = join(directory, "fine");
    writeFileSync(file, "#!/usr/bin/env sh\n", { mode: 0o755 });
    assert.deepEqual(await diagnose(file, { PATH: "/usr/bin:/bin" }), []);
  });
});
