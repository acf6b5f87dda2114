import type { Server } from "@grpc/grpc-js";
import { GRPCControllerService, type GRPCControllerServer } from "@executor-host/proto/goplugin";

/** Serve Shutdown: answer first, then stop. */
export function addControllerService(server: Server, onShutdown: () => void): void {
  const service: GRPCControllerServer = {
    shutdown(_call, callback) {
      callback(null, {});
      onShutdown();
    },
  };
  server.addService(GRPCControllerService, service);
}
