import { create, fromBinary, toBinary, type FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { Metadata } from "@grpc/grpc-js";

import { makeCall, type Ending } from "../call/call.ts";
import { codes } from "../call/status.ts";
import type { Link } from "../connection/link.ts";
import { limits } from "../defaults.ts";
import { fail } from "../failure.ts";
import { statusFailure } from "../call/status-failure.ts";
import { buildSchema } from "./build.ts";
import { reflectionMessages } from "./reflection-messages.ts";
import { wellKnownFiles } from "./well-known.ts";

/** How to ask a server about itself. */
export interface Asking {
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
}

/** Newest first. */
const versions = ["v1", "v1alpha"] as const;

/** One field of the request. */
type Question = Readonly<Partial<Record<"fileContainingSymbol" | "fileByFilename" | "listServices", string>>>;

interface Answer {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

/**
 * Ask a server for the types of one of its services, with all that they are made of.
 *
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function reflectService(link: Link, service: string, asking: Asking): Promise<FileRegistry> {
  const files = new Map<string, FileDescriptorProto>();
  const known = new Set(wellKnownFiles.map(({ name }) => name));
  let questions: Question[] = [{ fileContainingSymbol: service }];
  while (questions.length > 0) {
    const answers = await ask(link, questions, asking);
    for (const [index, answer] of answers.entries()) {
      for (const file of filesOf(answer, questions[index], service)) files.set(file.name, file);
    }
    if (files.size > limits.schemaFiles) throw fail("SCHEMA_INVALID", `reflection of ${service} does not end`);
    const missing = [...files.values()]
      .flatMap(({ dependency }) => dependency)
      .filter((name) => !files.has(name) && !known.has(name));
    questions = [...new Set(missing)].map((name) => ({ fileByFilename: name }));
  }
  return buildSchema([...files.values()], "reflection");
}

/** Names of the services that a server has. @throws {RemoteFailure} */
export async function listServices(link: Link, asking: Asking): Promise<string[]> {
  const [answer] = await ask(link, [{ listServices: "*" }], asking);
  return (answer?.listServicesResponse?.service ?? []).map(({ name }) => name);
}

function filesOf(answer: Answer, question: Question | undefined, service: string): FileDescriptorProto[] {
  const { fileDescriptorResponse: found, errorResponse: error } = answer;
  if (found !== undefined)
    return found.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  if (error?.errorCode === codes.NOT_FOUND && question?.fileContainingSymbol !== undefined) {
    throw fail("METHOD_UNKNOWN", `the server has no service ${service}`);
  }
  throw fail("REFLECTION_FAILED", `the server does not tell about ${service}: ${error?.errorMessage ?? "no answer"}`, {
    hint: "use descriptor_set_file or proto_files",
  });
}

/** One call with all questions; the answers come in their order. */
async function ask(link: Link, questions: readonly Question[], asking: Asking): Promise<Answer[]> {
  const request = messageType("Request");
  const response = messageType("Response");
  let ending: Ending | undefined;
  for (const version of versions) {
    const answers: Answer[] = [];
    ending = await makeCall(link, {
      ...asking,
      path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      messages: questions.map((question) => toBinary(request, create(request, question))),
      onMessage: (bytes) => {
        answers.push(fromBinary(response, bytes) as unknown as Answer);
        return undefined;
      },
    });
    if (answers.length === questions.length) return answers;
    if (ending.code !== codes.UNIMPLEMENTED) break;
  }
  if (ending?.code === codes.UNIMPLEMENTED) {
    throw fail("REFLECTION_UNAVAILABLE", `${link.route.peer} does not offer reflection`, {
      hint: "use descriptor_set_file or proto_files",
    });
  }
  if (ending === undefined || ending.code === codes.OK) {
    throw fail("REFLECTION_FAILED", `${link.route.peer} ended reflection before it had answered`);
  }
  throw statusFailure(ending, link.route.peer, "reflection");
}

function messageType(name: string) {
  const type = reflectionMessages.getMessage(`grpc.reflection.v1.${name}`);
  if (type === undefined) throw new TypeError(`no message ${name}`);
  return type;
}
