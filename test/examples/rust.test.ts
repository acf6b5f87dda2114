import { homedir } from "node:os";
import { join } from "node:path";
import { testExample } from "./example.ts";
import { testUnderGoHost } from "./go-host.ts";

testExample({
  language: "rust",
  tool: "cargo",
  usualPlaces: [join(homedir(), ".cargo/bin/cargo")],
  // The new project finds there what was compiled for the example.
  env: { CARGO_TARGET_DIR: join(import.meta.dirname, "../../executors/examples/rust/target") },
});
testUnderGoHost("rust");
