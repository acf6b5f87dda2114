import { Buffer } from "node:buffer";

/** A file that a job brings along. */
export interface JobFile {
  /** Absolute, in the container. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
}

const block = 512;

/** The files in tar format (ustar, with names of any length as pax records), as an engine wants them. Directories on the way are not needed. */
export function tarOf(files: readonly JobFile[]): Buffer {
  const parts = files.flatMap(({ path, content, mode }) => {
    const name = path.replace(/^\/+/, "");
    const long =
      Buffer.byteLength(name) > 100 ? entry("././@PaxHeader", Buffer.from(paxRecord("path", name)), 0o644, "x") : [];
    return [...long, ...entry(name, content, mode, "0")];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

function entry(name: string, content: Uint8Array, mode: number, type: "0" | "x"): Uint8Array[] {
  const header = Buffer.alloc(block);
  header.write(Buffer.from(name).subarray(0, 100).toString("latin1"), 0, "latin1");
  const octal = (value: number, at: number, size: number): void =>
    void header.write(`${value.toString(8).padStart(size - 1, "0")}\0`, at, "latin1");
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.write("        ", 148, "latin1");
  header.write(type, 156, "latin1");
  header.write("ustar\u000000", 257, "latin1");
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return [header, content, Buffer.alloc((block - (content.length % block)) % block)];
}

/** `LENGTH path=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const size = Buffer.byteLength(rest);
  let length = size + String(size).length;
  if (size + String(length).length !== length) length = size + String(length).length;
  return `${length}${rest}`;
}
