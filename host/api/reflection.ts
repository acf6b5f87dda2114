import { EventEmitter } from "node:events";
import type { handleBidiStreamingCall, MethodDefinition, Server, ServerDuplexStream } from "@grpc/grpc-js";
import { hostDescriptorSet } from "@executor-host/proto/host-descriptor-set";
import { toStatus } from "@executor-host/proto/shared/status";

const paths = ["v1", "v1alpha"].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);

const asItIs = (message: Buffer): Buffer => message;

/** One version of the service, as the package behind it has made it. */
interface Reflection {
  readonly method: MethodDefinition<unknown, unknown>;
  readonly answer: handleBidiStreamingCall<unknown, unknown>;
}

/**
 * Let clients without our .proto files discover the services (`grpc.reflection.v1` and `v1alpha`).
 *
 * Few ever ask, and what it takes to answer would be a fifth of an idle host's memory. So it is loaded with the first question.
 */
export function addReflection(server: Server): void {
  let loading: Promise<ReadonlyMap<string, Reflection>> | undefined;
  const method = {
    requestStream: true,
    responseStream: true,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  } as const;
  for (const path of paths) {
    server.addService(
      { serverReflectionInfo: { path, ...method } },
      {
        serverReflectionInfo(call: ServerDuplexStream<Buffer, Buffer>) {
          loading ??= load();
          void converse(call, loading, path);
        },
      },
    );
  }
}

async function load(): Promise<ReadonlyMap<string, Reflection>> {
  const { loadFileDescriptorSetFromBuffer } = await import("@grpc/proto-loader");
  const { ReflectionService } = await import("@grpc/reflection");
  const definition = loadFileDescriptorSetFromBuffer(Buffer.from(hostDescriptorSet, "base64"));
  const loaded = new Map<string, Reflection>();
  new ReflectionService(definition, { services: ["host.v1.HostService", "grpc.health.v1.Health"] }).addToServer({
    addService(service, implementation) {
      for (const [name, method] of Object.entries(service)) {
        loaded.set(method.path, { method, answer: implementation[name] as Reflection["answer"] });
      }
    },
  });
  return loaded;
}

/** Carry encoded messages to and fro between a call and what answers it. */
async function converse(
  call: ServerDuplexStream<Buffer, Buffer>,
  loading: Promise<ReadonlyMap<string, Reflection>>,
  path: string,
): Promise<void> {
  try {
    const { method, answer } = (await loading).get(path)!;
    const decoded = Object.assign(new EventEmitter(), {
      write: (message: unknown) => call.write(method.responseSerialize(message)),
      end: () => call.end(),
    });
    answer(decoded as unknown as ServerDuplexStream<unknown, unknown>);
    for await (const message of call) decoded.emit("data", method.requestDeserialize(message as Buffer));
    decoded.emit("end");
  } catch (error) {
    // A caller who has left wants no answer.
    if (!call.cancelled) call.emit("error", toStatus(error));
  }
}
