import { status } from "@grpc/grpc-js";
import type { Capabilities, DescribeResponse } from "@executor-host/proto/executor";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import { messageOf } from "@executor-host/proto/shared/error";
import { valueOf } from "./calls.ts";
import type { Contract } from "./contract.ts";
import { Connection } from "./connection.ts";
import type { Recording } from "./execution-call.ts";
import { readHandshakeLine, type HandshakeLine } from "./handshake-line.ts";
import type { Kit } from "./kit.ts";
import type { Config } from "./options.ts";
import { compileSchema, minimalConfig, parseSchema, type Schema } from "./schema.ts";
import type { Exit, Greeting, LaunchPlan, Specimen } from "./specimen.ts";
import { failed, must, skipped, VerdictError, warned, type Verdict } from "./verdict.ts";
import { expectWithin, settlesWithin } from "./waiting.ts";

const { dkron, native } = appVersions;

/** A version that no executor speaks. */
export const foreignVersion = 99;

/** The ways in which an executor is started to see what it says. */
const plans = {
  "both versions": { offers: [dkron, native], tls: true },
  "Dkron's version": { offers: [dkron], tls: true },
  "the native version": { offers: [native], tls: true },
  "a version nobody speaks": { offers: [foreignVersion], tls: true },
  "both versions, without TLS": { offers: [dkron, native], tls: false },
  "both versions, with multiplexing": { offers: [dkron, native], tls: false, multiplex: true },
} as const satisfies Record<string, LaunchPlan>;

export type PlanName = keyof typeof plans;

/** Those whose process is still needed afterwards. */
const lasting: readonly PlanName[] = ["both versions", "both versions, without TLS"];

/** What an executor said when it was started. */
export interface Boot {
  readonly specimen: Specimen;
  readonly greeting: Greeting;
  /** The first line, or why it is none. */
  readonly line: HandshakeLine | string;
  /** Undefined while the process runs. */
  readonly exit: Exit | undefined;
}

/** Start the executor and hear what it says. */
export function boot(kit: Kit, name: PlanName): Promise<Boot> {
  return kit.once(`boot with ${name}`, async () => {
    const specimen = await kit.start(plans[name]);
    const greeting = await specimen.greeting(kit.timeouts.stepMs);
    const { text } = greeting;
    // Whoever says nothing is about to end.
    const isOver = greeting.kind !== "line" && (await settlesWithin(specimen.exited, kit.timeouts.settleMs));
    const exit = isOver ? await specimen.exited : undefined;
    if (!lasting.includes(name)) await specimen[Symbol.asyncDispose]();
    return {
      specimen,
      greeting,
      exit,
      line: greeting.kind === "line" ? readHandshakeLine(text) : silence(greeting, kit.timeouts.stepMs),
    };
  });
}

function silence({ kind, text }: Greeting, limitMs: number): string {
  if (kind === "ended") return text === "" ? "stdout ended without a line" : "stdout ended within the first line";
  return `there is none within ${limitMs} ms`;
}

/** The line of a boot, in checks that are about something else. @throws {VerdictError} skipped, when it is none */
export async function usualLine(kit: Kit, name: PlanName): Promise<HandshakeLine> {
  const { line } = await boot(kit, name);
  if (typeof line !== "string") return line;
  throw new VerdictError(skipped("see start.line"));
}

/** What plugins made with go-plugin may lack: a fault of a native executor, worth a word for one of Dkron's contract alone. */
export async function failedIfNative(kit: Kit, reason: string, hint: string): Promise<Verdict> {
  return (await speaks(kit, "native")) ? failed(reason, hint) : warned(reason, hint);
}

/** Does it speak this version, when it is the only one offered? @throws {VerdictError} skipped, when it says nothing at all */
export async function speaks(kit: Kit, contract: Contract): Promise<boolean> {
  await usualLine(kit, "both versions");
  const { line } = await boot(kit, contract === "native" ? "the native version" : "Dkron's version");
  return typeof line !== "string" && line.appVersion === appVersions[contract];
}

/** A connection without TLS to a process that stays, and what came of the first call. */
export function plainLink(kit: Kit): Promise<{ readonly connection: Connection; readonly problem: string }> {
  return kit.once("link without TLS", async () => {
    const { address } = await usualLine(kit, "both versions, without TLS");
    const connection = await kit.keep(new Connection(address));
    const answer = await connection.health(kit.timeouts.stepMs);
    return { connection, problem: answer.ok || answer.code !== status.UNAVAILABLE ? "" : answer.message };
  });
}

/** A connection that works, in checks that need one. */
export async function plainConnection(kit: Kit): Promise<Connection> {
  const { connection, problem } = await plainLink(kit);
  if (problem !== "") throw new VerdictError(skipped("see link.plain"));
  return connection;
}

export interface Description {
  readonly response: DescribeResponse;
  /** Empty when it is no schema. */
  readonly schema: Schema;
  /** Why it is none. */
  readonly schemaProblem: string;
}

/** What the executor says of itself. */
export function describe(kit: Kit): Promise<Description> {
  return kit.once("description", async () => {
    const session = await kit.native();
    const response = valueOf("Describe", await session.describe());
    try {
      const schema = parseSchema(response.configSchema);
      await compileSchema(schema);
      return { response, schema, schemaProblem: "" };
    } catch (error) {
      return { response, schema: {}, schemaProblem: messageOf(error) };
    }
  });
}

/** What the executor offers; nothing where it does not say. */
export async function capabilities(kit: Kit): Promise<Partial<Capabilities>> {
  return (await describe(kit)).response.capabilities ?? {};
}

/** A config to run, or why there is none. */
export function sample(kit: Kit): Promise<{ readonly config: Config } | { readonly reason: string }> {
  return kit.once("sample config", async () => {
    if (kit.options.config !== undefined) return { config: kit.options.config };
    if (!(await speaks(kit, "native"))) return { reason: "needs --config" };
    const { schema, schemaProblem } = await describe(kit);
    if (schemaProblem !== "") return { reason: "see describe.schema" };
    const config = minimalConfig(schema);
    if ("missing" in config) return { reason: `needs --config: the schema has no example of ${config.missing}` };
    const session = await kit.native();
    const [violation] = await session.violations(config);
    if (violation === undefined) return { config };
    return { reason: `needs --config: ${violation.field}: ${violation.message}` };
  });
}

/** The config to run, in checks that need one. */
export async function sampleConfig(kit: Kit): Promise<Config> {
  const found = await sample(kit);
  if ("reason" in found) throw new VerdictError(skipped(found.reason));
  return found.config;
}

/** One plain run of the sample. */
export function sampleRun(kit: Kit): Promise<Recording> {
  return kit.once("run of the sample", async () => {
    const session = await kit.native();
    const call = session.execute(await sampleConfig(kit));
    const recording = await expectWithin("the end of the execution", call.ended, kit.timeouts.stepMs);
    must(recording.events.length > 0, `Execute brought no event, and ended with ${recording.end.message || "OK"}`);
    return recording;
  });
}
