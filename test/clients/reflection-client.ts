import { join } from "node:path";
import { credentials, loadPackageDefinition, type Client, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { root } from "./client.ts";

const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true } as const;

/** Of the package that serves it; every reflection client brings its own. */
const reflectionProto = join(root, "node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto");

interface Answer {
  readonly message_response: string;
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly error_response?: { readonly error_code: number; readonly error_message: string };
}

type Question = { readonly list_services: string } | { readonly file_containing_symbol: string };

/** Asks a server what it serves, as grpcurl does: knows none of its .proto files. */
export class ReflectionClient implements Disposable {
  readonly #target: string;
  readonly #stub: Client;

  /** @param target as gRPC names it */
  constructor(target: string) {
    this.#target = target;
    this.#stub = makeClient(loadSync(reflectionProto, options), "grpc.reflection.v1.ServerReflection", target);
  }

  async services(): Promise<readonly string[]> {
    const { list_services_response: answer } = await this.#ask({ list_services: "*" });
    return answer?.service.map(({ name }) => name) ?? [];
  }

  /** A client of one of the services, made from what the server says of itself. Close it after use. */
  async client(service: string): Promise<Client> {
    const { file_descriptor_response: answer, error_response: error } = await this.#ask({
      file_containing_symbol: service,
    });
    if (answer === undefined) throw new Error(error?.error_message ?? "no answer");
    const set = Buffer.concat(answer.file_descriptor_proto.flatMap((file) => [fieldHead(file.length), file]));
    return makeClient(loadFileDescriptorSetFromBuffer(set, options), service, this.#target);
  }

  [Symbol.dispose](): void {
    this.#stub.close();
  }

  #ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = dynamic(this.#stub).ServerReflectionInfo();
      call.on("data", (answer: Answer) => {
        resolve(answer);
        call.end();
      });
      call.on("error", reject);
      call.write(question);
    });
  }
}

interface DynamicCall {
  on(event: string, listener: (value: never) => void): void;
  write(message: object): void;
  end(): void;
}

/** The methods of a client made while the program runs. */
export function dynamic(client: Client): Readonly<Record<string, (...args: readonly unknown[]) => DynamicCall>> & {
  ServerReflectionInfo(): DynamicCall;
} {
  return client as never;
}

function makeClient(definition: PackageDefinition, service: string, target: string): Client {
  let found: unknown = loadPackageDefinition(definition);
  for (const name of service.split(".")) found = (found as Readonly<Record<string, unknown>>)[name];
  return new (found as ServiceClientConstructor)(target, credentials.createInsecure());
}

/** Tag and length of a `google.protobuf.FileDescriptorSet.file`. */
function fieldHead(length: number): Buffer {
  const bytes = [0x0a];
  let rest = length;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
