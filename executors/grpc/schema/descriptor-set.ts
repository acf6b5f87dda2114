import { fromBinary, type FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

import { fail } from "../failure.ts";
import { buildSchema } from "./build.ts";

/** Types of a FileDescriptorSet. @throws {RemoteFailure} `SCHEMA_INVALID` */
export function fromDescriptorSet(bytes: Uint8Array, source: string): FileRegistry {
  let files;
  try {
    files = fromBinary(FileDescriptorSetSchema, bytes).file;
  } catch (error) {
    throw fail("SCHEMA_INVALID", `${source} is not a FileDescriptorSet`, {
      hint: "write it with protoc --include_imports --descriptor_set_out, or buf build -o",
      cause: error,
    });
  }
  return buildSchema(files, source);
}
