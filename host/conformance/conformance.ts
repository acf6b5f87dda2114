import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { once } from "node:events";
import { resolve } from "node:path";
import { diagnose } from "@executor-host/goplugin/parts";
import { HostError, isHostError, messageOf } from "@executor-host/proto/shared/error";
import { nearest } from "@executor-host/proto/shared/nearest";
import { executorEnvironment } from "../supervision/environment.ts";
import type { Check } from "./check.ts";
import { groups } from "./checks.ts";
import { describe, speaks } from "./facts.ts";
import { Kit } from "./kit.ts";
import { missing } from "./needs.ts";
import type { ConformanceOptions } from "./options.ts";
import { failed, skipped, VerdictError, type Status, type Verdict } from "./verdict.ts";

/** How one check came out. */
export interface CheckResult {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly why: string;
  readonly status: Status;
  /** What was seen, or why it was not tried; empty when passed. */
  readonly reason: string;
  /** What would be right; may be empty. */
  readonly hint: string;
  readonly durationMs: number;
}

export interface ConformanceReport {
  readonly path: string;
  /** As far as the executor says so; empty otherwise. */
  readonly name: string;
  readonly version: string;
  /** The contracts it speaks. */
  readonly contracts: readonly ("native" | "dkron")[];
  /** Nothing failed. */
  readonly ok: boolean;
  readonly counts: Readonly<Record<Status, number>>;
  readonly results: readonly CheckResult[];
}

/**
 * Try an executor as a black box: start it, use it, break it, and see whether it keeps the contract.
 *
 * Everything that was started is ended before the report comes.
 *
 * @param onResult called with each result as it comes
 * @throws {HostError} `SPEC_INVALID` for a file that cannot be run, or a check that is not there
 * @throws `signal.reason` when aborted
 */
export async function runConformance(
  options: ConformanceOptions,
  onResult: (result: CheckResult) => void = () => undefined,
): Promise<ConformanceReport> {
  const chosen = chooseChecks(options.only);
  await assertExecutable(options);
  await using kit = await Kit.open(options);
  const results: CheckResult[] = [];
  for (const { group, check } of chosen) {
    const startedMs = performance.now();
    const verdict = await untilAborted(judge(kit, check), options.signal);
    const { id, title, why } = check;
    const durationMs = Math.round(performance.now() - startedMs);
    const result = { id, group, title, why, reason: "", hint: "", ...verdict, durationMs };
    results.push(result);
    onResult(result);
  }
  return await report(kit, results);
}

async function judge(kit: Kit, check: Check): Promise<Verdict> {
  kit.enter(check.id);
  let verdict: Verdict;
  try {
    const reason = await missing(kit, check.needs);
    verdict = reason === undefined ? await check.run(kit) : skipped(reason);
  } catch (error) {
    verdict =
      error instanceof VerdictError ? error.verdict : failed(messageOf(error), isHostError(error) ? error.hint : "");
  }
  const exit = await kit.unexpectedEnd();
  if (exit !== undefined) {
    const how = exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`;
    verdict = failed(`the process ${how}; stderr ended with: ${exit.stderrTail.trim() || "nothing"}`);
  }
  if (verdict.status === "failed") kit.block(check.blocks ?? []);
  return verdict;
}

async function report(kit: Kit, results: readonly CheckResult[]): Promise<ConformanceReport> {
  const contracts: ("native" | "dkron")[] = [];
  for (const contract of ["native", "dkron"] as const) {
    if (await speaks(kit, contract).catch(() => false)) contracts.push(contract);
  }
  // What it says of itself is told where it could be heard.
  const description = contracts.includes("native") ? await describe(kit).catch(() => undefined) : undefined;
  const { name = "", version = "" } = description?.response ?? {};
  const counts = { passed: 0, failed: 0, warned: 0, skipped: 0 };
  for (const { status } of results) counts[status] += 1;
  return { path: kit.path, name, version, contracts, ok: counts.failed === 0, counts, results };
}

function chooseChecks(only: readonly string[] = []): { readonly group: string; readonly check: Check }[] {
  const all = groups.flatMap(({ id, checks }) => checks.map((check) => ({ group: id, check })));
  const names = [...groups.map(({ id }) => id), ...all.map(({ check }) => check.id)];
  for (const wanted of only) {
    if (names.includes(wanted)) continue;
    const guess = nearest(wanted, names);
    const hint = guess === undefined ? `groups: ${groups.map(({ id }) => id).join(", ")}` : `did you mean ${guess}?`;
    throw new HostError("SPEC_INVALID", `there is no check ${wanted}`, { hint });
  }
  return all.filter(({ group, check }) => only.length === 0 || only.includes(group) || only.includes(check.id));
}

async function assertExecutable({ path, environment, allowedEnvironment }: ConformanceOptions): Promise<void> {
  try {
    if (!(await stat(path)).isFile()) throw new HostError("SPEC_INVALID", `${path} is not a file`);
    await access(path, constants.X_OK);
  } catch (error) {
    if (isHostError(error)) throw error;
    const hint = "give the path of the executor's file, which must be executable (chmod +x)";
    throw new HostError("SPEC_INVALID", `cannot run ${path}: ${messageOf(error)}`, { hint, cause: error });
  }
  // Without its interpreter, say, every check would fail in the same way, and none would say why.
  const [finding, ...others] = await diagnose(resolve(path), executorEnvironment(environment, allowedEnvironment, ""));
  if (finding !== undefined)
    throw new HostError("SPEC_INVALID", `cannot run ${path}: ${finding}`, { hint: others.join("; ") });
}

/** The check itself ends with what it waits for, when the kit is disposed of. */
async function untilAborted(verdict: Promise<Verdict>, signal: AbortSignal | undefined): Promise<Verdict> {
  if (signal === undefined) return verdict;
  signal.throwIfAborted();
  const listening = new AbortController();
  const aborted = once(signal, "abort", { signal: listening.signal }).then(
    () => signal.throwIfAborted(),
    () => undefined, // no longer listening
  );
  try {
    const first = await Promise.race([verdict, aborted]);
    return first ?? verdict;
  } finally {
    listening.abort();
  }
}
