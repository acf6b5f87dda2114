import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { root } from "../root.ts";
import { composed } from "./compose.ts";
import { services } from "./registry.ts";

const file = parse(readFileSync(join(root, "docker-compose.yml"), "utf8"), { merge: true }) as {
  services: Record<string, { ports: string[]; healthcheck: { test: string[] } }>;
};

test("docker-compose.yml has the services that it is said to have, under the names that they have here", () => {
  assert.deepEqual(Object.keys(file.services).toSorted(), Object.keys(composed).toSorted());
  for (const name of Object.keys(composed)) assert.ok(services.some((service) => service.name === name));
});

for (const [name, endpoints] of Object.entries(composed)) {
  test(`the container of ${name} listens where it is said to, on loopback alone, and says when it is ready`, () => {
    const { ports = [], healthcheck } = file.services[name] ?? {};
    const published = ports.map((port) => /^(127\.0\.0\.1:\d+):\d+$/.exec(port)?.[1]);
    const told = Object.values(endpoints).flatMap((value) => /127\.0\.0\.1:\d+/.exec(value) ?? []);
    assert.deepEqual(new Set(published), new Set(told));
    assert.ok((healthcheck?.test.length ?? 0) > 1);
  });
}
