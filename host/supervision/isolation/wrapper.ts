import type { IsolationSettings } from "../../settings/isolation.ts";
import type { Account } from "./accounts.ts";
import { findTool, systemPath } from "./run-tool.ts";

/** What a process is started with. */
export interface Confinement extends Pick<
  IsolationSettings,
  "noNewPrivileges" | "readOnly" | "privateTmp" | "privatePids"
> {
  readonly account?: Account | undefined;
  /** Files of cgroups to write its pid into. */
  readonly joins?: readonly string[];
  /** Directories that stay writable with `readOnly`, and visible with `privateTmp`. */
  readonly writable?: readonly string[];
  /** Directories that stay visible with `privateTmp`. */
  readonly visible?: readonly string[];
}

/** Programs this needs, by their paths. */
export interface Tools {
  readonly setpriv: string;
  readonly unshare: string;
}

/** The programs; by their bare names when they are not there, which an error then tells. */
export async function findTools(): Promise<Tools> {
  const [setpriv = "setpriv", unshare = "unshare"] = await Promise.all([findTool("setpriv"), findTool("unshare")]);
  return { setpriv, unshare };
}

/** Directories that everybody may write to. */
const temporary = ["/tmp", "/var/tmp"];

/** Enter cgroups, before there is anything that could stay outside. Arguments: files, `--`, command. */
const joinScript = `
while [ "$1" != -- ]; do echo $$ >"$1" || exit 125; shift; done
shift
exec "$@"
`;

/**
 * Change what is seen of the file system, in a mount namespace of its own. Arguments: directories to hide, \`--\`, directories that stay
 * writable, \`--\`, directories that stay visible, \`--\`, \`ro\` or \`rw\`, \`init\` or \`exec\`, command. A failure ends it: never less than was asked for.
 *
 * A hidden directory is covered by an empty one in memory, to which what shall stay visible is attached first. All other mounts are made
 * read-only one by one but for devices and the kernel's own files, as there is no such call for all of them that is old enough.
 */
const mountScript = `
set -eu
fail() { echo "executor-host: $*" >&2; exit 125; }
tool() { PATH=${systemPath} "$@" || fail "$1 failed: $*"; }
sockets=\${PLUGIN_UNIX_SOCKET_DIR-}
hidden= writable= visible=
newline='
'
while [ "$1" != -- ]; do hidden=$hidden$1$newline; shift; done; shift
[ -z "$sockets" ] || writable=$sockets$newline
while [ "$1" != -- ]; do writable=$writable$1$newline; shift; done; shift
while [ "$1" != -- ]; do visible=$visible$1$newline; shift; done; shift
access=$1 role=$2
shift 2
IFS=$newline
set -f
for path in $writable; do
  [ -d "$path" ] || fail "no such directory: $path"
  tool mount --bind "$path" "$path"
done
for cover in $hidden; do
  [ -d "$cover" ] && [ ! -h "$cover" ] || continue
  stage=
  for path in $writable$visible; do
    case $path in
      "$cover"/*) ;;
      *) continue ;;
    esac
    if [ -z "$stage" ]; then
      stage=$sockets/.stage
      tool mkdir "$stage"
      tool mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$stage"
    fi
    tool mkdir -p "$stage\${path#"$cover"}"
    tool mount --bind "$path" "$stage\${path#"$cover"}"
  done
  if [ -n "$stage" ]; then
    tool mount --move "$stage" "$cover"
    tool rmdir "$stage"
  else
    tool mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$cover"
  fi
done
if [ "$access" = ro ]; then
  while IFS=' ' read -r _ _ _ _ point _; do
    point=$(printf '%b' "$(printf '%s' "$point" | PATH=${systemPath} sed 's/\\\\\\([0-7]\\)/\\\\0\\1/g')")
    keep=
    for path in /proc /sys /dev $hidden$writable; do
      case $point in "$path" | "$path"/*) keep=yes ;; esac
    done
    [ -z "$keep" ] || continue
    # What another mount covers cannot be reached.
    if PATH=${systemPath} mountpoint -q "$point"; then tool mount -o remount,bind,ro "$point"; fi
  done </proc/self/mountinfo
  for path in $visible; do
    for cover in $hidden; do
      case $path in "$cover"/*) tool mount -o remount,bind,ro "$path" ;; esac
    done
  done
fi
unset IFS
[ "$role" = init ] || exec "$@"
# The first process of a namespace has to take care of those that lose their parent: a shell that waits does.
"$@"
exit $?
`;

/** The command through which a process is started with all of this; empty when it is nothing. */
export function wrapperOf(confinement: Confinement, tools: Tools): readonly string[] {
  const { account, joins = [], noNewPrivileges, readOnly, privateTmp, privatePids } = confinement;
  const command: string[] = [];
  if (joins.length > 0) command.push("/bin/sh", "-c", joinScript, "executor-host", ...joins, "--");
  if (readOnly || privateTmp || privatePids) {
    command.push(tools.unshare, "--mount", "--propagation", "private");
    if (privatePids) command.push("--pid", "--fork", "--kill-child", "--mount-proc");
    command.push("--", "/bin/sh", "-c", mountScript, "executor-host", ...mountArguments(confinement));
  }
  if (account !== undefined || noNewPrivileges) {
    command.push(tools.setpriv);
    if (account !== undefined) {
      const { uid, gid, name } = account;
      command.push(`--reuid=${uid}`, `--regid=${gid}`, name === "" ? "--clear-groups" : "--init-groups");
      command.push("--inh-caps=-all");
    }
    if (noNewPrivileges) command.push("--no-new-privs");
    command.push("--");
  }
  return command;
}

function mountArguments({ readOnly, privateTmp, privatePids, writable = [], visible = [] }: Confinement): string[] {
  const hidden = privateTmp ? temporary : [];
  const wanted = readOnly || privateTmp ? writable : [];
  const modes = [readOnly ? "ro" : "rw", privatePids ? "init" : "exec"];
  return [...hidden, "--", ...wanted, "--", ...(privateTmp ? visible : []), "--", ...modes];
}
