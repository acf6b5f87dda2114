import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/** Give every field the name it has in JSON, which compilers of .proto files write into descriptors, and others leave out. */
export function fillJsonNames({ messageType }: Pick<FileDescriptorProto, "messageType">): void {
  for (const message of messageType) fillMessage(message);
}

function fillMessage({ field, nestedType }: DescriptorProto): void {
  for (const one of field) if (one.jsonName === "") one.jsonName = lowerCamelCase(one.name);
  for (const nested of nestedType) fillMessage(nested);
}

/** As protoc does it: an underscore goes, and what follows it is in upper case. */
function lowerCamelCase(name: string): string {
  return name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}
