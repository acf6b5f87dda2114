import { registryOf } from "./table.ts";

/** What is said between a client and a server's health service. Source: github.com/grpc/grpc, src/proto/grpc/health/v1/health.proto. */
export const healthMessages = registryOf("grpc.health.v1", {
  Request: ["string service = 1"],
  Response: ["int32 status = 1"],
});

/** The states a service can be in, by number. */
export const healthStates = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
