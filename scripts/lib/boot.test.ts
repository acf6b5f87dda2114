import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { bundle } from "./bundle.ts";

/** Bundles a program and runs it through boot.cjs. */
async function program(t: TestContext, source: string) {
  const directory = mkdtempSync(join(tmpdir(), "boot-"));
  t.after(() => rmSync(directory, { recursive: true }));
  cpSync(join(import.meta.dirname, "boot.cjs"), join(directory, "boot.cjs"));
  const write = async (text: string) => {
    writeFileSync(join(directory, "source.ts"), text);
    await bundle(join(directory, "source.ts"), join(directory, "program.cjs"));
  };
  await write(source);
  const cache = join(directory, "program.cjs.cache");
  const run = (args: readonly string[]) => {
    const { stdout, stderr } = spawnSync(process.execPath, args, { env: {}, encoding: "utf8", cwd: "/" });
    return stdout || stderr;
  };
  return {
    directory,
    cache,
    write,
    run: (...args: readonly string[]) => run([join(directory, "boot.cjs"), "program.cjs", ...args]),
    record: () => run([join(import.meta.dirname, "record.cjs"), cache, join(directory, "boot.cjs"), "program.cjs"]),
  };
}

test("a bundle sees its own path, its arguments and modules it imports dynamically, with and without a code cache", async (t) => {
  const { directory, cache, record, run } = await program(
    t,
    `const name = ["node", "path"].join(":");
     void import(name).then(({ sep }) =>
       console.log(JSON.stringify([process.argv.slice(1), import.meta.filename, import.meta.dirname, sep])));`,
  );
  const path = join(directory, "program.cjs");
  const expected = (args: readonly string[]) => `${JSON.stringify([[path, ...args], path, directory, "/"])}\n`;
  assert.equal(run("a", "b c"), expected(["a", "b c"]));
  assert.equal(record(), expected([]));
  assert.ok(existsSync(cache));
  assert.equal(run("a"), expected(["a"]));
});

test("a code cache is used when it carries the bundle's checksum", async (t) => {
  const { directory, cache, write, record, run } = await program(t, `const f = () => "one"; console.log(f());`);
  record();
  await write(`const f = () => "two"; console.log(f());`);
  // V8 takes one program for another of the same length. So the old program running shows that the cache was used.
  const forged = readFileSync(cache);
  forged.write(readFileSync(join(directory, "program.cjs"), "latin1").slice(-64), "latin1");
  writeFileSync(cache, forged);
  assert.equal(run(), "one\n");
});

test("a code cache of another bundle of the same length is not used", async (t) => {
  const { write, record, run } = await program(t, `const f = () => "one"; console.log(f());`);
  assert.equal(record(), "one\n");
  await write(`const f = () => "two"; console.log(f());`);
  assert.equal(run(), "two\n");
});

test("a damaged code cache is not used", async (t) => {
  const { cache, record, run } = await program(t, `console.log("fine");`);
  record();
  writeFileSync(cache, "x".repeat(500));
  assert.equal(run(), "fine\n");
});

test("a module imported dynamically runs when it is first imported", async (t) => {
  const { directory, write, run } = await program(t, "");
  writeFileSync(join(directory, "lazy.ts"), `console.log("loaded"); export const answer = 42;`);
  await write(`console.log("started"); void import("./lazy.ts").then(({ answer }) => console.log(answer));`);
  assert.equal(run(), "started\nloaded\n42\n");
});

test("text beyond ASCII comes through, in regular expressions too", async (t) => {
  const source = `console.log(/^5µs$/.test("5µs"), /[ä-ö]/u.test("ü"), /^🚀$/u.test("🚀"), "Grüße, 世界 🚀");`;
  const { directory, run } = await program(t, source);
  assert.equal(run(), "true false true Grüße, 世界 🚀\n");
  assert.ok(readFileSync(join(directory, "program.cjs")).every((byte) => byte < 0x80));
});
