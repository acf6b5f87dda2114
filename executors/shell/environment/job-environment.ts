import { hostTagVariable } from "@executor-host/sdk";
import { defaults } from "../defaults.ts";
import { tagVariable } from "../process/tag.ts";
import type { Account } from "./accounts.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentSources {
  /** This executor's own environment. */
  readonly own: Environment;
  /** Which of its names are taken over; a `*` at the end stands for any ending. Undefined: all. */
  readonly inheritedNames: readonly string[] | undefined;
  /** The user the job runs as, when that is not this executor's. */
  readonly account: Account | undefined;
  /** Who the job is: ENV_JOB_NAME, EXECUTION_ID ... */
  readonly identity: Environment;
  readonly fromFile: Environment;
  readonly fromJob: Environment;
  readonly tag: string;
  /** By which a host that starts anew finds what its predecessor's executors have left; undefined: the job is not to be found. */
  readonly hostTag: string | undefined;
}

/**
 * Put together the environment of a job. What comes later wins: inherited, the user's own, identity, `env_file`, `env`, and last the tags,
 * by which the job's processes are found.
 */
export function buildEnvironment(sources: EnvironmentSources): Record<string, string> {
  const { account } = sources;
  const merged: Environment = {
    PATH: defaults.path,
    ...inherited(sources.own, sources.inheritedNames),
    ...(account !== undefined && {
      HOME: account.home,
      USER: account.name,
      LOGNAME: account.name,
      SHELL: account.loginShell,
    }),
    ...sources.identity,
    ...sources.fromFile,
    ...sources.fromJob,
    [tagVariable]: sources.tag,
    [hostTagVariable]: sources.hostTag,
  };
  return Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** What a host tells an executor; no job inherits it, whatever it asks for. */
const privateNames = [/^PLUGIN_/, /_PLUGIN_MAGIC_COOKIE$/, new RegExp(`^${hostTagVariable}$`)];

function inherited(own: Environment, names: readonly string[] | undefined): Environment {
  const exact = new Set(names);
  const prefixes = (names ?? ["*"]).filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1));
  return Object.fromEntries(
    Object.entries(own).filter(
      ([name]) =>
        (exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) &&
        !privateNames.some((pattern) => pattern.test(name)),
    ),
  );
}

export interface Identity {
  readonly id: string;
  readonly attempt: number;
  readonly jobName: string;
  /** When the job will be stopped at the latest. */
  readonly deadline: Date | undefined;
  readonly traceContext: Readonly<Record<string, string>>;
}

/**
 * The variables that tell a job who it is; part of this executor's contract.
 *
 * ENV_JOB_NAME is Dkron's. TRACEPARENT and its like carry the W3C trace context, as OpenTelemetry's environment propagation names them.
 */
export function identityVariables({ id, attempt, jobName, deadline, traceContext }: Identity): Environment {
  return {
    ENV_JOB_NAME: jobName,
    JOB_NAME: jobName,
    EXECUTION_ID: id,
    EXECUTION_ATTEMPT: String(attempt),
    EXECUTION_DEADLINE: deadline?.toISOString(),
    TRACEPARENT: traceContext["traceparent"],
    TRACESTATE: traceContext["tracestate"],
    BAGGAGE: traceContext["baggage"],
  };
}
