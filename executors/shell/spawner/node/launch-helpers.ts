import { findProgram } from "../../command/find-program.ts";
import { defaults } from "../../defaults.ts";
import { StartFailure } from "../../failure.ts";

/** Where the programs are that a launcher consists of. Not looked for in the job's PATH: that may lead anywhere. */
export interface LaunchHelpers {
  /** A POSIX shell, with the options it needs. */
  shell(): readonly [file: string, ...options: string[]];
  setpriv(): string;
  unshare(): string;
}

/** Each throws a StartFailure when what it names is not there. */
export function helpersFor(env: Readonly<Record<string, string>>): LaunchHelpers {
  const find = (name: string): string => {
    try {
      return findProgram(name, defaults.path, "/");
    } catch (error) {
      throw new StartFailure("ISOLATION_UNAVAILABLE", `${name} is not installed`, {
        hint: "install util-linux",
        cause: error,
      });
    }
  };
  return { shell: () => shellFor(env), setpriv: () => find("setpriv"), unshare: () => find("unshare") };
}

/** dash, which is /bin/sh on many systems, drops variables whose names are none to a shell, such as `a.b`. bash passes them on. */
function shellFor(env: Readonly<Record<string, string>>): [string, ...string[]] {
  const odd = Object.keys(env).find((name) => !/^[A-Za-z_]\w*$/.test(name));
  if (odd === undefined) return ["/bin/sh"];
  try {
    return [findProgram("bash", defaults.path, "/"), "--posix"];
  } catch (error) {
    throw new StartFailure(
      "SETUP_FAILED",
      `cannot pass on the variable ${odd}: it takes bash to set up a job that has one`,
      {
        hint: "rename it, install bash, or leave out the keys for limits and isolation",
        cause: error,
      },
    );
  }
}
