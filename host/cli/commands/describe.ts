import { Option, type Command } from "commander";
import { configKeys } from "../config-keys.ts";
import { connectOrEmbed } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { renderMarkdown, renderText } from "../executor-reference.ts";
import { addConnectionOptions, addExamples, addJsonOption, type ConnectionOptions } from "../options.ts";

interface DescribeOptions extends ConnectionOptions {
  readonly markdown?: boolean;
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext): void {
  command.argument("<executor>", "Name of the executor");
  command.addOption(new Option("--markdown", "Print a Markdown page").conflicts("json"));
  addJsonOption(command, "Print one JSON object, with the JSON Schema of the config");
  addConnectionOptions(command, true);
  addExamples(command, [
    ["describe shell", "Every key it takes, with type, default and examples"],
    ["describe shell --json | jq .configSchema", "The JSON Schema, for a form or an editor"],
  ]);
  command.action(async (name: string, options: DescribeOptions) => {
    await using connection = await connectOrEmbed(options, context);
    const { stdout, signal } = context;
    const { executor, configSchema } = await connection.client.describeExecutor(name, { signal });
    if (options.json === true) {
      return stdout.json({ executor, configSchema: configSchema === "" ? null : JSON.parse(configSchema) });
    }
    const keys = configKeys(configSchema);
    if (options.markdown === true) return stdout.write(renderMarkdown(executor, keys));
    await stdout.write(renderText(executor, keys, stdout.columns, stdout.style));
  });
}
