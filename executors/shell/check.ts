import { isAbsolute } from "node:path";
import { hostTagVariable, type Violation } from "@executor-host/sdk";
import { sharedCode } from "./command/exit-codes.ts";
import { splitWords } from "./command/words.ts";
import type { ShellConfig } from "./config.ts";
import { tagVariable } from "./process/tag.ts";

/** Contradictions between keys, and what no single key can know. */
export function checkConfig(config: ShellConfig): Violation[] {
  return [
    ...checkCommand(config),
    ...checkPaths(config),
    ...checkText(config),
    ...checkExitCodes(config),
    ...checkRest(config),
  ];
}

function* checkCommand({ command, shell, script, interpreter, args }: ShellConfig): Generator<Violation> {
  const hasCommand = command !== undefined && command !== "";
  if (script !== undefined) {
    if (hasCommand) yield violation("script", "stands beside command", "set one of the two");
    if (shell)
      yield violation("shell", "is true beside script", "leave it out: a script has an interpreter of its own");
    return;
  }
  if (interpreter !== undefined)
    yield violation("interpreter", "is set without script", "set script, or put the interpreter into command");
  if (shell) return;
  if (!hasCommand) yield violation("command", "is required", "set command, or script");
  else if (args === undefined) {
    const split = splitWords(command);
    if (split.problem !== undefined)
      yield violation("command", `${JSON.stringify(command)} ${split.problem}`, split.hint);
    else if (split.words.length === 0) yield violation("command", "is blank", "name a program");
  }
}

/** A few less than the supervisor takes, as it needs some for itself. */
const maxWritablePaths = 60;

function* checkPaths({ cwd, stdin_file, env_file, writable_paths }: ShellConfig): Generator<Violation> {
  const paths = [
    ["cwd", cwd],
    ["stdin_file", stdin_file],
    ...(env_file ?? []).map((path) => ["env_file", path] as const),
    ...(writable_paths ?? []).map((path) => ["writable_paths", path] as const),
  ] as const;
  for (const [field, path] of paths) {
    if (path !== undefined && path !== "" && !isAbsolute(path)) {
      yield violation(
        field,
        `${JSON.stringify(path)} is not absolute`,
        "start it with /; an executor has no directory of its own",
      );
    }
  }
}

/** What the kernel cannot pass on to a program. */
function* checkText({
  command,
  args,
  env,
  cwd,
  stdin_file,
  interpreter,
  writable_paths,
}: ShellConfig): Generator<Violation> {
  const texts: [field: string, text: string | undefined][] = [
    ["command", command],
    ["cwd", cwd],
    ["stdin_file", stdin_file],
    ...(args ?? []).map((text, index): [string, string] => [`args[${index}]`, text]),
    ...(writable_paths ?? []).map((text): [string, string] => ["writable_paths", text]),
    ...(interpreter ?? []).map((text): [string, string] => ["interpreter", text]),
    ...Object.entries(env ?? {}).map(([name, value]): [string, string] => [`env.${name}`, value]),
  ];
  for (const [field, text] of texts)
    if (text?.includes("\0")) yield violation(field, "holds a NUL character", "use payload for binary data");
  for (const name of Object.keys(env ?? {})) {
    if (name === "" || /[=\0]/.test(name))
      yield violation("env", `${JSON.stringify(name)} is not a name`, "use a name without =");
    if (name === tagVariable || name === hostTagVariable)
      yield violation("env", `${name} is set by the executor`, "use another name");
  }
}

function* checkExitCodes(config: ShellConfig): Generator<Violation> {
  const keys = ["success_codes", "skip_codes", "retry_codes", "permanent_codes"] as const;
  for (const [index, key] of keys.entries()) {
    for (const earlier of keys.slice(0, index)) {
      const shared = sharedCode(config[earlier] ?? [], config[key] ?? []);
      if (shared !== undefined)
        yield violation(key, `holds ${shared}, which ${earlier} holds too`, "give each code one meaning");
    }
  }
}

function* checkRest({
  payload,
  stdin_file,
  su,
  user,
  group,
  isolation,
  background,
  read_only,
  writable_paths = [],
}: ShellConfig): Generator<Violation> {
  if (writable_paths.length > 0 && !read_only)
    yield violation("writable_paths", "is set without read_only", "set read_only to true, or leave it out");
  if (writable_paths.length > maxWritablePaths)
    yield violation(
      "writable_paths",
      `has ${writable_paths.length} entries`,
      `name at most ${maxWritablePaths}; a directory counts with all that is in it`,
    );
  if (payload !== undefined && isSet(stdin_file))
    yield violation("stdin_file", "stands beside payload", "set one of the two");
  if (isSet(su) && (isSet(user) || isSet(group)))
    yield violation("su", "stands beside user or group", "set su, or user and group");
  if (isolation === "pid-namespace" && background === "keep") {
    yield violation(
      "background",
      "keep is impossible in a pid namespace, which ends with its main process",
      "set isolation to session or cgroup",
    );
  }
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== "";
}

function violation(field: string, message: string, hint: string): Violation {
  return { field, message, hint };
}
