"use strict";
// Runs a bundle as boot.cjs does and, when it exits, writes the V8 code cache with every function that has run by then.
// Arguments: the file to write, boot.cjs, then what boot.cjs takes.
const { readFileSync, writeFileSync } = require("node:fs");

const [node, , cachePath, bootPath, ...args] = process.argv;
const { checksumLength, run } = require(bootPath);

let script;
process.on("exit", () => {
  const checksum = readFileSync(process.argv[1], "latin1").slice(-checksumLength);
  writeFileSync(cachePath, Buffer.concat([Buffer.from(checksum, "latin1"), script.createCachedData()]));
});
process.argv = [node, bootPath, ...args];
script = run(args[0]);
