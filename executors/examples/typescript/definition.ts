import { defineExecutor } from "@executor-host/sdk";
import { checkConfig, config } from "./config.ts";
import { execute } from "./execute.ts";

export const definition = defineExecutor({
  name: "checksum",
  version: "1.0.0",
  summary: "Computes and compares digests of files",
  config,
  capabilities: { cancel: true, idempotent: true, maxConcurrentExecutions: 16 },
  check: checkConfig,
  execute,
});
