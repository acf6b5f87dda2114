/** What a file is, as far as starting it is concerned. */
export type ExecutableFormat =
  | { readonly kind: "elf"; readonly architecture: string; readonly loader: string | undefined }
  | { readonly kind: "mach-o"; readonly architecture: string }
  | { readonly kind: "pe"; readonly architecture: string }
  | { readonly kind: "script"; readonly interpreter: string; readonly argument: string }
  | { readonly kind: "empty" }
  | { readonly kind: "unknown" };

/** Names as `process.arch` has them, so that they can be compared. */
const elfMachines: Readonly<Record<number, string>> = {
  3: "ia32",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};
const machCpus: Readonly<Record<number, string>> = { 7: "ia32", 12: "arm", 0x01000007: "x64", 0x0100000c: "arm64" };
const peMachines: Readonly<Record<number, string>> = { 0x14c: "ia32", 0x1c4: "arm", 0x8664: "x64", 0xaa64: "arm64" };

/**
 * Tell the format of an executable from its start.
 *
 * Sources: elf(5); Apple's mach-o/loader.h and fat.h; Microsoft's PE format; execve(2) for scripts.
 *
 * @param head the first bytes of the file; headers beyond them are not seen
 */
export function detectFormat(head: Buffer): ExecutableFormat {
  if (head.length === 0) return { kind: "empty" };
  if (head.length >= 64 && head.readUInt32BE(0) === 0x7f454c46) return readElf(head);
  if (head.subarray(0, 2).toString("latin1") === "#!") return readScript(head);
  return readPe(head) ?? readMachO(head) ?? { kind: "unknown" };
}

function readElf(head: Buffer): ExecutableFormat {
  const is64 = head[4] === 2;
  const isLittle = head[5] === 1;
  const u16 = (at: number): number => (isLittle ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const u32 = (at: number): number => (isLittle ? head.readUInt32LE(at) : head.readUInt32BE(at));
  const word = (at: number): number => {
    if (!is64) return u32(at);
    return Number(isLittle ? head.readBigUInt64LE(at) : head.readBigUInt64BE(at));
  };
  const machine = u16(18);
  const architecture = elfMachines[machine] ?? `machine ${machine}`;
  const interpreterSegment = 3;
  const tableStart = word(is64 ? 32 : 28);
  const entrySize = u16(is64 ? 54 : 42);
  const entryCount = u16(is64 ? 56 : 44);
  for (let index = 0; index < entryCount; index++) {
    const entry = tableStart + index * entrySize;
    if (entry + entrySize > head.length || entrySize < 32) break;
    if (u32(entry) !== interpreterSegment) continue;
    const start = word(entry + (is64 ? 8 : 4));
    const size = word(entry + (is64 ? 32 : 16));
    const loader = head
      .subarray(start, start + size)
      .toString()
      .replace(/\0.*$/s, "");
    return { kind: "elf", architecture, loader: loader === "" ? undefined : loader };
  }
  return { kind: "elf", architecture, loader: undefined };
}

function readScript(head: Buffer): ExecutableFormat {
  const [line = ""] = head.subarray(2).toString().split("\n", 1);
  const [, interpreter = "", argument = ""] = /^[ \t]*([^ \t]*)[ \t]*(.*)$/s.exec(line) ?? [];
  return { kind: "script", interpreter, argument: argument.replace(/[ \t]+$/, "") };
}

function readPe(head: Buffer): ExecutableFormat | undefined {
  if (head.length < 64 || head.subarray(0, 2).toString("latin1") !== "MZ") return undefined;
  const header = head.readUInt32LE(60);
  if (header + 6 > head.length || head.readUInt32BE(header) !== 0x50450000) return undefined;
  const machine = head.readUInt16LE(header + 4);
  return { kind: "pe", architecture: peMachines[machine] ?? `machine ${machine}` };
}

function readMachO(head: Buffer): ExecutableFormat | undefined {
  if (head.length < 8) return undefined;
  const magic = head.readUInt32BE(0);
  const cpuName = (cpu: number): string => machCpus[cpu] ?? `cpu ${cpu}`;
  if (magic === 0xcffaedfe || magic === 0xcefaedfe) {
    return { kind: "mach-o", architecture: cpuName(head.readUInt32LE(4)) };
  }
  const count = head.readUInt32BE(4);
  // Java classes have the same magic number, with a version where the count is.
  const mostArchitectures = 16;
  if (magic !== 0xcafebabe || count === 0 || count > mostArchitectures || head.length < 8 + count * 20)
    return undefined;
  const architectures = Array.from({ length: count }, (_, index) => cpuName(head.readUInt32BE(8 + index * 20)));
  return { kind: "mach-o", architecture: architectures.join(" and ") };
}
