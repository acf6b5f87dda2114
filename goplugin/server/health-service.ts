import { status, type Server } from "@grpc/grpc-js";
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthService,
  type HealthServer,
} from "@executor-host/proto/health";
import { healthServiceName } from "../protocol/defaults.ts";

const known: ReadonlySet<string> = new Set([healthServiceName, ""]);

/** Answer `SERVING` for the name `plugin` and for the server as a whole, as go-plugin does. */
export function addHealthService(server: Server): void {
  const health: HealthServer = {
    check(call, callback) {
      if (known.has(call.request.service)) callback(null, { status: ServingStatus.SERVING });
      else callback({ code: status.NOT_FOUND, details: "unknown service" });
    },
    watch(call) {
      // The state never changes: the stream stays open and says nothing more.
      const state = known.has(call.request.service) ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN;
      call.write({ status: state });
    },
  };
  server.addService(HealthService, health);
}
