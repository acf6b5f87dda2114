import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { defaults } from "../../defaults.ts";

/**
 * Reads `+ ITEM` to hold an item and `- ITEM` to release it, until its input ends: by then this executor is gone, in whatever way. What is
 * still held is cleaned up. An item with a slash is a directory, which is removed; any other is the rest of a job's tag, whose beginning is
 * the argument, and whose processes are killed until twice in a row none is found. Lines are short, as a shell reads byte by byte.
 */
const script = `
newline='
'
prefix=$1
kept=
while IFS=' ' read -r verb item; do
  if [ "$verb" = + ]; then
    kept="$kept$newline$item"
  else
    others=
    IFS=$newline
    for one in $kept; do [ "$one" = "$item" ] || others="$others$newline$one"; done
    kept=$others
  fi
done
IFS=$newline
set -f
set --
for item in $kept; do
  case $item in */*) ;; *) set -- "$@" -e "$prefix$item" ;; esac
done
set +f
cd /proc || exit
round=0
quiet=0
while [ $# -gt 0 ] && [ $quiet -lt 2 ] && [ $round -lt 100 ]; do
  found=$(grep -lsF "$@" [0-9]*/environ | cut -d/ -f1)
  quiet=$((quiet + 1))
  [ -n "$found" ] && kill -KILL $found 2>/dev/null && quiet=0
  round=$((round + 1))
  sleep 0.05
done
for item in $kept; do
  case $item in */*) rm -rf -- "$item" ;; esac
done
`;

/**
 * A tiny process that outlives this executor by a moment, to end its jobs when it dies without doing so itself.
 *
 * It is told of each job before the job starts and after it has ended. All of it is best effort: jobs run without it as well.
 */
export class Lifeline implements Disposable {
  readonly #input: Writable;
  readonly #tagPrefix: string;

  /** @param tagPrefix what the tags of all jobs begin with */
  constructor(tagPrefix: string) {
    this.#tagPrefix = tagPrefix;
    // In a session of its own: whoever kills this executor's process group does not kill the lifeline.
    const child = spawn("/bin/sh", ["-c", script, "lifeline", tagPrefix], {
      // What a list of processes shows.
      argv0: "executor-host-lifeline",
      detached: true,
      cwd: "/",
      env: { PATH: defaults.path },
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.on("error", ignore);
    child.stdin.on("error", ignore);
    // Neither keeps this executor alive.
    child.unref();
    if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
    this.#input = child.stdin;
  }

  /** @param item a tag, or the absolute path of a directory */
  hold(item: string): void {
    this.#tell("+", item);
  }

  release(item: string): void {
    this.#tell("-", item);
  }

  /** Ends the process. Nothing is done if every item was released. */
  [Symbol.dispose](): void {
    this.#input.end();
  }

  #tell(verb: "+" | "-", item: string): void {
    const rest = item.startsWith(this.#tagPrefix) ? item.slice(this.#tagPrefix.length) : item;
    this.#input.write(`${verb} ${rest}\n`);
  }
}

/** Best effort: see above. */
function ignore(): void {}
