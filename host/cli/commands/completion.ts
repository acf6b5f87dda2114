import { Argument, type Command } from "commander";
import { completionScripts, type ShellName } from "../completion-scripts.ts";
import type { CliContext } from "../context.ts";
import { addExamples } from "../options.ts";

export function define(command: Command, context: CliContext): void {
  command.addArgument(new Argument("<shell>", "The shell").choices(Object.keys(completionScripts)));
  addExamples(command, [
    ["completion bash > /etc/bash_completion.d/executor-host", "For every user of bash"],
    ["completion zsh > ~/.zfunc/_executor-host", "For zsh, with ~/.zfunc in $fpath"],
    ["completion fish > ~/.config/fish/completions/executor-host.fish", "For fish"],
  ]);
  command.action(async (shell: ShellName) => context.stdout.write(completionScripts[shell]));
}
