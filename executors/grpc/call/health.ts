import { create, fromBinary, toBinary, type DescMessage } from "@bufbuild/protobuf";
import type { Metadata } from "@grpc/grpc-js";
import type { Work } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import type { Link } from "../connection/link.ts";
import { fail } from "../failure.ts";
import { healthMessages, healthStates } from "../schema/health-messages.ts";
import { makeCall } from "./call.ts";
import { codes } from "./status.ts";
import { statusFailure } from "./status-failure.ts";

/**
 * Ask the server's health service; success means SERVING.
 *
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function checkHealth(work: Work<Config>, link: Link, metadata: Metadata): Promise<void> {
  const { config, stdout } = work.execution;
  const service = config.health_service ?? "";
  const [request, response] = [messageType("Request"), messageType("Response")];
  const answers: number[] = [];
  work.phase = "while asking for health";
  using told = work.tellEnd();
  const ending = await makeCall(link, {
    path: "/grpc.health.v1.Health/Check",
    messages: [toBinary(request, create(request, { service }))],
    metadata,
    deadlineMs: told.endMs,
    signal: work.execution.signal,
    onMessage: (bytes) => {
      answers.push((fromBinary(response, bytes) as unknown as { status: number }).status);
      return undefined;
    },
  });
  const subject = service === "" ? "the server" : service;
  if (ending.code === codes.NOT_FOUND)
    throw fail("SERVICE_NOT_SERVING", `${subject} is not known to the health service`);
  if (ending.code !== codes.OK) throw statusFailure(ending, link.route.peer, "health");
  const state = healthStates[answers[0] ?? 0] ?? "UNKNOWN";
  work.evidence = { ...work.evidence, peer: ending.peer, health: state };
  stdout.write(`${state}\n`);
  if (state !== "SERVING") throw fail("SERVICE_NOT_SERVING", `${subject} is ${state}`);
}

function messageType(name: string): DescMessage {
  const type = healthMessages.getMessage(`grpc.health.v1.${name}`);
  if (type === undefined) throw new TypeError(`no message ${name}`);
  return type;
}
