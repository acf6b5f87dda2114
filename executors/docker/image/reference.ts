import { FieldError } from "@executor-host/sdk";

/** A name of an image, taken apart. */
export interface ImageReference {
  /** As people write it. */
  readonly text: string;
  /** With registry, and with a tag or digest: `docker.io/library/alpine:latest`. */
  readonly full: string;
  /** `docker.io`, `registry.example.test:5000`. */
  readonly registry: string;
}

const pattern =
  /^(?:(?<registry>(?:[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+|localhost|\[[0-9a-fA-F:]+\]|[a-zA-Z0-9-]+(?=:\d+\/))(?::\d+)?)\/)?(?<path>[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/;

/** @throws {FieldError} */
export function parseImage(text: string): ImageReference {
  // An image may also be named by its id.
  if (/^(sha256:)?[0-9a-f]{64}$/.test(text)) return { text, full: text, registry: "" };
  const groups = pattern.exec(text)?.groups;
  if (groups === undefined) {
    throw new FieldError(
      `"${text}" is not a name of an image`,
      "write NAME, NAME:TAG or NAME@sha256:DIGEST, with the registry in front",
    );
  }
  const { registry = "docker.io", path = "", tag, digest } = groups;
  const name = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  const version = [
    tag === undefined && digest === undefined ? ":latest" : "",
    tag === undefined ? "" : `:${tag}`,
    digest === undefined ? "" : `@${digest}`,
  ];
  return { text, full: `${registry}/${name}${version.join("")}`, registry };
}
