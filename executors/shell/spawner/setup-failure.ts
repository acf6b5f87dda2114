import { StartFailure } from "../failure.ts";
import type { JobSpec } from "./job-spawner.ts";

/** What can go wrong between fork and the job's own program, except starting the program itself. */
export type SetupStep = "cwd" | "stdin_file" | "limits" | "isolation" | "setup";

/** What a failed step means to whoever wrote the config. @param message the reason, without a final full stop */
export function setupFailure(step: SetupStep, message: string, { cwd, stdinFile }: JobSpec): StartFailure {
  switch (step) {
    case "cwd":
      return new StartFailure("CWD_UNUSABLE", `cannot work in ${cwd}: ${message}`, {
        hint: "the job's user needs permission to go there",
      });
    case "stdin_file":
      return new StartFailure("STDIN_FILE_UNREADABLE", `cannot read ${stdinFile}: ${message}`, {
        hint: "the job's user needs permission to read it",
      });
    case "isolation":
      return new StartFailure("ISOLATION_UNAVAILABLE", `cannot isolate the job: ${message}`, {
        hint: "run the executor as root, or allow user namespaces; or ask for less isolation",
      });
    case "limits":
      return new StartFailure("SETUP_FAILED", `cannot set a limit of the job: ${message}`, {
        hint: "everybody can lower a limit, only root can raise one",
      });
    case "setup":
      return new StartFailure("SETUP_FAILED", `cannot set up the job: ${message}`, {
        hint: "a nice value below that of the executor needs root",
      });
  }
}

/** What the errors of fork and exec mean here. @param code such as `ENOENT` */
export function spawnFailure(code: string | undefined, { file, cwd, owner }: JobSpec, cause?: Error): StartFailure {
  switch (code) {
    case "ENOENT":
      return new StartFailure(
        "COMMAND_NOT_FOUND",
        `cannot start ${file}: it, or the interpreter its first line names, is not there`,
        { cause },
      );
    case "EACCES":
      return new StartFailure("NOT_EXECUTABLE", `cannot start ${file}: permission denied`, {
        hint: `check the permissions of the file${cwd === undefined ? "" : `, of ${cwd}`} and of the directories above`,
        cause,
      });
    case "E2BIG":
      return new StartFailure("ARGUMENTS_TOO_LONG", `cannot start ${file}: arguments and environment are too long`, {
        hint: "pass large data through payload or stdin_file",
        cause,
      });
    case "EPERM":
      return new StartFailure(
        "USER_CHANGE_REFUSED",
        `cannot start ${file} as user ${owner?.userId ?? "?"}: not permitted`,
        { hint: "the executor must run as root to start jobs as other users", cause },
      );
    case "EAGAIN":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return new StartFailure(
        "NO_RESOURCES",
        `cannot start ${file}: the system is out of processes, memory or file descriptors`,
        { hint: `${code}: try again later, or raise the limits of the executor`, cause },
      );
    default:
      return new StartFailure("NOT_EXECUTABLE", `cannot start ${file}: ${cause?.message ?? code}`, { cause });
  }
}
