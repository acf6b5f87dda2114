"use strict";
// Runs a bundle that lies beside this file, with the V8 code cache that was made for it. Without a fitting cache it is compiled as usual.
const { readFileSync } = require("node:fs");
const { dirname, resolve } = require("node:path");
const { constants, Script } = require("node:vm");

// A bundle ends with its checksum, and its cache starts with it. V8 itself compares no more than lengths, versions and flags.
const checksumLength = 64;

function cacheOf(filename) {
  try {
    return readFileSync(`${filename}.cache`);
  } catch {
    return undefined; // Made without a cache.
  }
}

/** Compile a bundle: one function expression, in plain ASCII. */
function compile(filename) {
  const source = readFileSync(filename, "latin1");
  const cache = cacheOf(filename);
  const fits = cache?.latin1Slice(0, checksumLength) === source.slice(-checksumLength);
  return new Script(source, {
    filename,
    cachedData: fits ? cache.subarray(checksumLength) : undefined,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

/** @param {string} name path of the bundle, absolute or relative to this file */
function run(name) {
  const filename = resolve(__dirname, name);
  process.argv.splice(1, 2, filename);
  const script = compile(filename);
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, filename, dirname(filename));
  return script;
}

if (require.main === module) run(process.argv[2]);
else module.exports = { checksumLength, run };
