import type { Server } from "@grpc/grpc-js";
import { GRPCBrokerService, type ConnInfo, type GRPCBrokerServer } from "@executor-host/proto/goplugin";
import type { LinkBroker } from "../broker/broker.ts";

/** Serve the broker's stream. Several calls in a row are fine: the last one is used, so that a host may attach again. */
export function addBrokerService(server: Server, broker: LinkBroker): void {
  const service: GRPCBrokerServer = {
    startStream(call) {
      const stream = { write: (info: ConnInfo) => void call.write(info), close: () => void call.end() };
      const detach = (): void => broker.detach(stream);
      broker.attach(stream);
      call.on("data", (info) => broker.receive(info));
      call.on("end", () => call.end());
      call.on("cancelled", detach);
      call.on("close", detach);
    },
  };
  server.addService(GRPCBrokerService, service);
}
