import { FieldError } from "@executor-host/sdk";

/** Read `topic`: an id, or `projects/PROJECT/topics/ID`. @throws {FieldError} */
export function parseTopic(given: string): string {
  const [, , id = given] = /^projects\/([^/]+)\/topics\/([^/]+)$/.exec(given) ?? [];
  if (!/^[A-Za-z][\w.~+%-]{2,254}$/.test(id)) {
    throw new FieldError(
      `${JSON.stringify(given)} is no topic`,
      "an id of 3 to 255 letters, digits and -_.~+%, or projects/P/topics/ID",
    );
  }
  return given;
}

/** Read `project`. @throws {FieldError} */
export function parseProject(given: string): string {
  if (!/^(?:[a-z0-9.-]+:)?[a-z0-9][a-z0-9-]*$/i.test(given)) {
    throw new FieldError(`${JSON.stringify(given)} is no project id`, "letters, digits and -");
  }
  return given;
}

/** Where to connect. Plain data. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Read `HOST` or `HOST:PORT`, as Google writes endpoints. @throws {FieldError} */
export function parseEndpoint(given: string): Endpoint {
  const [, host, port] = /^(?:https?:\/\/)?(\[[0-9a-f:.]+\]|[^\s/:@]+)(?::(\d+))?\/?$/i.exec(given.trim()) ?? [];
  if (host === undefined || Number(port ?? 1) > 65_535) {
    throw new FieldError(
      `${JSON.stringify(given)} is no endpoint`,
      "write HOST or HOST:PORT, such as europe-west1-pubsub.googleapis.com",
    );
  }
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port ?? 443) };
}
