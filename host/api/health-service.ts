import { status, type ServerWritableStream, type UntypedServiceImplementation } from "@grpc/grpc-js";
import {
  HealthCheckResponse_ServingStatus as Serving,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
} from "@executor-host/proto/health";

/** Says whether the host, or one of its executors, would take an execution now. The empty name means the host. */
export interface Readiness {
  /** Undefined for a name it does not know. */
  isReady(service: string): boolean | undefined;
}

/** How often a watcher's answer is looked at anew. */
const watchIntervalMs = 1_000;

/**
 * `grpc.health.v1.Health`: the empty name and `host.v1.HostService` are the host, `executor/NAME` an executor.
 */
export function createHealthService(readiness: Readiness): UntypedServiceImplementation {
  function servingStatus(service: string): Serving | undefined {
    const ready = readiness.isReady(service);
    if (ready === undefined) return undefined;
    return ready ? Serving.SERVING : Serving.NOT_SERVING;
  }

  function watch(call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>): void {
    let last: Serving | undefined;
    const look = () => {
      const now = servingStatus(call.request.service) ?? Serving.SERVICE_UNKNOWN;
      if (now !== last) call.write({ status: now });
      last = now;
    };
    look();
    const timer = setInterval(look, watchIntervalMs);
    call.on("cancelled", () => clearInterval(timer));
  }

  const service: HealthServer = {
    check: (call, done) => {
      const serving = servingStatus(call.request.service);
      if (serving === undefined)
        done({ code: status.NOT_FOUND, details: `unknown service: "${call.request.service}"` });
      else done(null, { status: serving });
    },
    watch,
  };
  return service;
}
