import { HostError } from "@executor-host/proto/shared/error";
import type { ExecutionRequest } from "../client/types.ts";
import { nearest } from "@executor-host/proto/shared/nearest";
import { configFromJson } from "./config-args.ts";
import { isObject } from "./read-input.ts";

/** What a Dkron job definition says about one execution, and what else is in it. */
export interface DkronJob {
  readonly request: Pick<ExecutionRequest, "executor" | "config" | "jobName" | "retry" | "queueing">;
  /** Fields that have no meaning here: they are the scheduler's. */
  readonly ignored: readonly string[];
}

const used = ["name", "executor", "executor_config", "retries", "concurrency"];

/** Dkron's other fields. Source: Dkron's job JSON, `plugin/types` and the API reference of version 4. */
const schedulerFields = new Set([
  "id",
  "displayname",
  "schedule",
  "timezone",
  "owner",
  "owner_email",
  "success_count",
  "error_count",
  "last_success",
  "last_error",
  "disabled",
  "tags",
  "dependent_jobs",
  "parent_job",
  "processors",
  "status",
  "metadata",
  "next",
  "ephemeral",
  "expires_at",
  "starts_at",
]);

/**
 * Read a Dkron job definition as it is.
 *
 * `concurrency: forbid` skips the execution while another one of the job is there. `retries` n becomes n + 1 attempts after any failure, as Dkron does it: a job that asks for it says that it may run again.
 *
 * @throws {HostError} `SPEC_INVALID`
 */
export function readDkronJob(job: unknown): DkronJob {
  if (Array.isArray(job) && job.length > 0) {
    const hint = "hand over one of them: jq '.[0]' jobs.json | executor-host run --job -";
    throw new HostError("SPEC_INVALID", `a list of ${job.length} job definitions, where one is wanted`, { hint });
  }
  if (!isObject(job)) {
    const hint = `write {"name": "hello", "executor": "shell", "executor_config": {"command": "echo hello"}}`;
    throw new HostError("SPEC_INVALID", "the job definition must be a JSON object", { hint });
  }
  const { name = "", executor, executor_config: config, retries = 0, concurrency = "allow" } = job;
  refuseTypos(Object.keys(job));
  if (typeof name !== "string") throw invalid("name", "must be a string", name);
  if (executor === undefined || executor === "") {
    const hint = 'add "executor": "shell", or another one that executor-host executors lists';
    throw new HostError("SPEC_INVALID", "the job definition names no executor", { hint });
  }
  if (typeof executor !== "string") throw invalid("executor", "must name an executor", executor);
  if (typeof retries !== "number" || !Number.isInteger(retries) || retries < 0) {
    throw invalid("retries", "must be a whole number, at least 0", retries);
  }
  if (concurrency !== "allow" && concurrency !== "forbid") {
    throw invalid("concurrency", 'must be "allow" or "forbid"', concurrency);
  }
  if (concurrency === "forbid" && name === "") {
    throw invalid("name", "must tell which executions exclude each other, as concurrency is forbidden", "");
  }
  return {
    request: {
      executor,
      config: config === undefined || config === null ? {} : configFromJson(config, "executor_config"),
      jobName: name,
      retry: retries === 0 ? undefined : { maxAttempts: retries + 1, idempotent: true },
      queueing: concurrency === "forbid" ? { concurrencyKey: name, whenBusy: "SKIP" } : undefined,
    },
    ignored: Object.keys(job).filter((field) => !used.includes(field)),
  };
}

/** A field Dkron has not heard of either is ignored like its own, unless it looks like a slip. */
function refuseTypos(fields: readonly string[]): void {
  for (const field of fields) {
    if (used.includes(field) || schedulerFields.has(field)) continue;
    const meant = nearest(field, used);
    if (meant === undefined) continue;
    throw new HostError("SPEC_INVALID", `not a field of a job definition: ${field}`, {
      hint: `did you mean '${meant}'`,
    });
  }
}

function invalid(field: string, problem: string, value: unknown): HostError {
  const shown = value === undefined ? "nothing" : JSON.stringify(value);
  return new HostError("SPEC_INVALID", `${field} of the job definition ${problem}: ${shown}`);
}
