import type { Server } from "@grpc/grpc-js";
import { hostDescriptorSet } from "@executor-host/proto/host-descriptor-set";

/** Let clients without our .proto files discover the services (`grpc.reflection.v1` and `v1alpha`). */
export async function addReflection(server: Server): Promise<void> {
  // Loaded here, as the packages behind it are slow to load and needed for nothing else.
  const { loadFileDescriptorSetFromBuffer } = await import("@grpc/proto-loader");
  const { ReflectionService } = await import("@grpc/reflection");
  const definition = loadFileDescriptorSetFromBuffer(Buffer.from(hostDescriptorSet, "base64"));
  new ReflectionService(definition, { services: ["host.v1.HostService", "grpc.health.v1.Health"] }).addToServer(server);
}
