import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { scrubEnvironment, scrubEnvironmentInPlace } from "./environment.ts";

const inherited = {
  PATH: "/bin",
  PLUGIN_CLIENT_CERT: "certificate of another host",
  PLUGIN_MULTIPLEX_GRPC: "true",
  PLUGIN_UNIX_SOCKET_DIR: "/gone",
  PLUGIN_UNIX_SOCKET_GROUP: "staff",
  PLUGIN_PROTOCOL_VERSIONS: "9",
  PLUGIN_MIN_PORT: "1",
  PLUGIN_MAX_PORT: "2",
  EXECUTOR_HOST_LIFELINE: "stdin",
  PLUGIN_OF_MY_OWN: "kept",
};

describe("scrubEnvironment()", () => {
  it("drops the protocol's variables and nothing else", () => {
    assert.deepEqual(scrubEnvironment(inherited), { PATH: "/bin", PLUGIN_OF_MY_OWN: "kept" });
  });

  it("leaves its argument alone", () => {
    const copy = { ...inherited };
    scrubEnvironment(copy);
    assert.deepEqual(copy, inherited);
  });
});

describe("scrubEnvironmentInPlace()", () => {
  it("removes the protocol's variables and those named", () => {
    const environment: NodeJS.ProcessEnv = { ...inherited, COOKIE: "value" };
    scrubEnvironmentInPlace(environment, "COOKIE");
    assert.deepEqual(environment, { PATH: "/bin", PLUGIN_OF_MY_OWN: "kept" });
  });
});
