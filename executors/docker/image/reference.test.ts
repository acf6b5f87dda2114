import assert from "node:assert/strict";
import { test } from "node:test";

import { parseImage } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;
const names: readonly [text: string, full: string, registry: string][] = [
  ["alpine", "docker.io/library/alpine:latest", "docker.io"],
  ["alpine:3.20", "docker.io/library/alpine:3.20", "docker.io"],
  ["team/etl", "docker.io/team/etl:latest", "docker.io"],
  ["registry.example.test/etl:3", "registry.example.test/etl:3", "registry.example.test"],
  ["127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "127.0.0.1:5000"],
  ["localhost/a", "localhost/a:latest", "localhost"],
  ["registry:5000/a", "registry:5000/a:latest", "registry:5000"],
  [`alpine@${digest}`, `docker.io/library/alpine@${digest}`, "docker.io"],
  [`alpine:3@${digest}`, `docker.io/library/alpine:3@${digest}`, "docker.io"],
  [digest, digest, ""],
];

for (const [text, full, registry] of names) {
  test(`${text} is read`, () => assert.deepEqual(parseImage(text), { text, full, registry }));
}

for (const text of ["Alpine", "a b", "alpine:", "alpine@sha256:12", "https://example.test/a", "-a"]) {
  test(`"${text}" is no name of an image`, () => assert.throws(() => parseImage(text), { name: "FieldError" }));
}
