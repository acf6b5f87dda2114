import type { TestContext } from "node:test";
import { findCgroupPlaces } from "../../limits/cgroup-places.ts";
import type { Controller } from "../../limits/hierarchies.ts";
import { findSupervisor } from "../../spawner/native/find-supervisor.ts";

/**
 * Skip a test on a machine that lacks something, and say what. Where CI=true is set the machine is meant to have it, so there the test fails.
 *
 * @returns true when the test shall go on
 */
function needs(t: TestContext, there: boolean, what: string): boolean {
  if (there) return true;
  if (process.env["CI"] === "true") throw new Error(`this machine lacks what the test needs: ${what}`);
  t.skip(`needs ${what}`);
  return false;
}

export function needsSupervisor(t: TestContext): boolean {
  return needs(
    t,
    findSupervisor() !== undefined,
    "the native supervisor, which scripts/build makes where a C compiler is",
  );
}

export function needsRoot(t: TestContext): boolean {
  return needs(t, process.getuid?.() === 0, "root");
}

export async function needsController(t: TestContext, controller: Controller): Promise<boolean> {
  const { byController } = await findCgroupPlaces();
  return needs(t, byController[controller] !== undefined, `a writable cgroup with the ${controller} controller`);
}

export async function needsUnifiedCgroups(t: TestContext): Promise<boolean> {
  const { tracking } = await findCgroupPlaces();
  return needs(t, tracking?.version === 2, "a writable cgroup of version 2");
}
