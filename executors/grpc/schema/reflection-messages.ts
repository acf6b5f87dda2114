import { registryOf } from "./table.ts";

/**
 * What is said between a client and a server's reflection; the same in v1 and v1alpha but for the package, which is not on the wire.
 *
 * Of a request and of a response exactly one field is set. Source: github.com/grpc/grpc, src/proto/grpc/reflection/v1/reflection.proto.
 */
export const reflectionMessages = registryOf("grpc.reflection.v1", {
  Request: ["string file_by_filename = 3", "string file_containing_symbol = 4", "string list_services = 7"],
  Files: ["repeated bytes file_descriptor_proto = 1"],
  Service: ["string name = 1"],
  Services: ["repeated Service service = 1"],
  Error: ["int32 error_code = 1", "string error_message = 2"],
  Response: ["Files file_descriptor_response = 4", "Services list_services_response = 6", "Error error_response = 7"],
});
