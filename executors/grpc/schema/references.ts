import type { DescriptorProto, FieldDescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/** Full names of the messages and enums that a file declares. */
export function typesIn(file: FileDescriptorProto): readonly string[] {
  const within = (scope: string, message: DescriptorProto): string[] => {
    const name = qualified(scope, message.name);
    const enums = message.enumType.map((each) => qualified(name, each.name));
    return [name, ...enums, ...message.nestedType.flatMap((nested) => within(name, nested))];
  };
  const enums = file.enumType.map(({ name }) => qualified(file.package, name));
  return [...enums, ...file.messageType.flatMap((message) => within(file.package, message))];
}

/** Full names of the types that a file makes use of, its own among them. */
export function typesUsedBy(file: FileDescriptorProto): ReadonlySet<string> {
  const ofField = ({ typeName, extendee }: FieldDescriptorProto): string[] => [typeName, extendee];
  const ofMessage = (message: DescriptorProto): string[] => [
    ...[...message.field, ...message.extension].flatMap(ofField),
    ...message.nestedType.flatMap(ofMessage),
  ];
  const ofMethods = file.service.flatMap(({ method }) =>
    method.flatMap(({ inputType, outputType }) => [inputType, outputType]),
  );
  const all = [...file.messageType.flatMap(ofMessage), ...file.extension.flatMap(ofField), ...ofMethods];
  return new Set(all.filter((name) => name !== "").map((name) => name.replace(/^\./, "")));
}

/**
 * Put right, in place, what servers on Node get wrong about themselves: names that hold only from where they stand become full ones
 * (`.package.Message`), and only what has the form of a map's entry is one.
 *
 * @param isType whether there is a type of a full name
 */
export function putRight(file: FileDescriptorProto, isType: (name: string) => boolean): void {
  const full = (name: string, scope: string): string => {
    if (name === "" || name.startsWith(".")) return name;
    for (let outer = scope; ; outer = outer.slice(0, Math.max(0, outer.lastIndexOf(".")))) {
      const candidate = qualified(outer, name);
      if (isType(candidate)) return `.${candidate}`;
      if (outer === "") return name;
    }
  };
  const inFields = (fields: readonly FieldDescriptorProto[], scope: string): void => {
    for (const field of fields) {
      field.typeName = full(field.typeName, scope);
      field.extendee = full(field.extendee, scope);
    }
  };
  const inMessage = (message: DescriptorProto, scope: string): void => {
    const name = qualified(scope, message.name);
    inFields([...message.field, ...message.extension], name);
    // They call the message around a map a map's entry as well.
    if (message.options?.mapEntry === true && !isEntry(message)) message.options.mapEntry = false;
    for (const nested of message.nestedType) inMessage(nested, name);
  };
  inFields(file.extension, file.package);
  for (const message of file.messageType) inMessage(message, file.package);
  for (const method of file.service.flatMap((service) => service.method)) {
    method.inputType = full(method.inputType, file.package);
    method.outputType = full(method.outputType, file.package);
  }
}

function isEntry({ field }: DescriptorProto): boolean {
  return field.length === 2 && field.every(({ number, name }) => name === ["key", "value"][number - 1]);
}

function qualified(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
