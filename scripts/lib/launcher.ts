import { basename, dirname, relative } from "node:path";
import { nodeFlagsOf } from "./bundle.ts";
import type { Target } from "./targets.ts";

/**
 * The shell script that replaces itself by the pinned Node running a target's bundle.
 *
 * It needs no working directory and no environment, and starts no process of its own unless it is reached through a symbolic link. A host that
 * verified it runs it as file descriptor 3, which looks like such a link; nobody else shall inherit the descriptor.
 */
export function launcherOf(target: Target): string {
  const up = relative(dirname(target.launcher), ".");
  return `#!/bin/sh
# Runs ${target.name} on the Node that this checkout pins. Written by scripts/build.
case $0 in */*) self=$0 ;; *) self=./$0 ;; esac
while [ -h "$self" ]; do
  link=$(PATH=/usr/bin:/bin readlink "$self")
  case $link in /*) self=$link ;; *) self=\${self%/*}/$link ;; esac
done
[ "$0" != /proc/self/fd/3 ] || exec 3<&-
dist=\${self%/*}/${up}
node=$dist/../node_modules/node/bin/node
if [ ! -x "$node" ]; then
  printf '%s\\n' "${basename(target.launcher)}: Node is missing at $node: run scripts/setup in the checkout" >&2
  exit 127
fi
exec "$node" ${nodeFlagsOf(target.kind).join(" ")} "$dist/lib/boot.cjs" ${relative("lib", target.bundle)} "$@"
`;
}
