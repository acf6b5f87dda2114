/** The quickstart's own executor: a complete one, and a badly behaved one. */
import { defineConfig, defineExecutor, duration, serve } from "@executor-host/sdk";

serve(
  defineExecutor({
    name: "crasher",
    version: "1.0.0",
    summary: "Ends its own process in the middle of a run",
    config: defineConfig({ after: duration({ summary: "how long to wait before", default: 0 }) }),
    capabilities: { cancel: true },
    async execute({ config, stdout }) {
      stdout.write("about to crash\n");
      await new Promise((resolve) => setTimeout(resolve, config.after));
      process.kill(process.pid, "SIGKILL");
      return { outcome: "SUCCEEDED" };
    },
  }),
);
