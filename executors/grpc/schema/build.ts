import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { messageOf } from "@executor-host/sdk/remote";

import { fail } from "../failure.ts";
import { fillJsonNames } from "./json-names.ts";
import { wellKnownFiles } from "./well-known.ts";

/**
 * Types of descriptors in any order; files of google.protobuf need not be among them.
 *
 * @param source for messages: `reflection`, `descriptor_set_file /path`
 * @throws {RemoteFailure} `SCHEMA_INVALID`
 */
export function buildSchema(files: readonly FileDescriptorProto[], source: string): FileRegistry {
  const byName = new Map([...wellKnownFiles, ...files].map((file) => [file.name, file]));
  const sorted = new Set<FileDescriptorProto>();
  const visit = (file: FileDescriptorProto, path: readonly string[]): void => {
    if (sorted.has(file)) return;
    if (path.includes(file.name)) throw fail("SCHEMA_INVALID", `${source}: ${file.name} imports itself`);
    for (const name of file.dependency) {
      const imported = byName.get(name);
      if (imported === undefined) {
        throw fail("SCHEMA_INVALID", `${source} does not hold ${name}, which ${file.name} imports`, {
          hint: "write descriptor sets with --include_imports",
        });
      }
      visit(imported, [...path, file.name]);
    }
    sorted.add(file);
  };
  for (const file of files) fillJsonNames(file);
  for (const file of byName.values()) visit(file, []);
  try {
    return createFileRegistry(create(FileDescriptorSetSchema, { file: [...sorted] }));
  } catch (error) {
    throw fail("SCHEMA_INVALID", `${source} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}
