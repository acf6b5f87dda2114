import type { Command } from "commander";
import type { CliContext } from "./context.ts";

/** A file in `commands/`: says options, arguments and examples, and what to do. */
export interface CommandModule {
  /** @param finish sets the exit code; 0 otherwise */
  define(command: Command, context: CliContext, finish: (exitCode: number) => void): void;
}

export const groups = {
  run: "Run jobs:",
  look: "Look and check:",
  write: "Write an executor:",
  operate: "Operate a host:",
} as const;

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly group: keyof typeof groups;
  /** Not in the list of commands. */
  readonly hidden?: true;
  /** What follows `--` is a command line for the job. */
  readonly takesTrailing?: true;
  /** Loaded only when it is the one: help and completion stay quick. */
  load(): Promise<CommandModule>;
}

/** All commands, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "Run a job and follow it to its end",
    group: "run",
    takesTrailing: true,
    load: () => import("./commands/run.ts"),
  },
  {
    name: "submit",
    summary: "Hand a job to the running host and return at once",
    group: "run",
    takesTrailing: true,
    load: () => import("./commands/submit.ts"),
  },
  {
    name: "watch",
    summary: "Follow an execution, or read it again",
    group: "run",
    load: () => import("./commands/watch.ts"),
  },
  {
    name: "extend",
    summary: "Change the time limits of a running execution",
    group: "run",
    load: () => import("./commands/extend.ts"),
  },
  { name: "cancel", summary: "Stop executions", group: "run", load: () => import("./commands/cancel.ts") },
  { name: "list", summary: "List executions, newest first", group: "look", load: () => import("./commands/list.ts") },
  { name: "show", summary: "Show one execution in full", group: "look", load: () => import("./commands/show.ts") },
  {
    name: "executors",
    summary: "List the executors, and files that cannot be used",
    group: "look",
    load: () => import("./commands/executors.ts"),
  },
  {
    name: "describe",
    summary: "Show what an executor does and which config it takes",
    group: "look",
    load: () => import("./commands/describe.ts"),
  },
  {
    name: "validate",
    summary: "Check a job without running it",
    group: "look",
    takesTrailing: true,
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "probe",
    summary: "Check that a job's target can be reached, without touching it",
    group: "look",
    takesTrailing: true,
    load: () => import("./commands/probe.ts"),
  },
  {
    name: "new",
    summary: "Make a project of a new executor, in one of five languages",
    group: "write",
    load: () => import("./commands/new.ts"),
  },
  {
    name: "conformance",
    summary: "Try whether an executor keeps the contract",
    group: "write",
    load: () => import("./commands/conformance.ts"),
  },
  { name: "serve", summary: "Run a host for schedulers", group: "operate", load: () => import("./commands/serve.ts") },
  {
    name: "doctor",
    summary: "Show the settings in force and what is wrong with this machine",
    group: "operate",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "completion",
    summary: "Print a script that completes words in bash, zsh or fish",
    group: "operate",
    load: () => import("./commands/completion.ts"),
  },
  {
    name: "__complete",
    summary: "Print the words that may follow",
    group: "operate",
    hidden: true,
    takesTrailing: true,
    load: () => import("./commands/complete.ts"),
  },
];
