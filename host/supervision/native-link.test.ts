import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import {
  DescribeResponse,
  ExecutorServiceClient,
  ExecutorServiceService,
  type ExecutorServiceServer,
} from "@executor-host/proto/executor";
import { timeouts } from "../timeouts.ts";
import { NativeLink } from "./native-link.ts";

const guard = { timeout: 60_000 };

test("an execution ends with its process, whatever becomes of the connection", guard, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "native-link-"));
  const address = `unix:${directory}/s`;
  const server = new Server();
  const called = Promise.withResolvers<void>();
  // Nothing of it ever ends by itself.
  const service: Pick<ExecutorServiceServer, "describe" | "execute"> = {
    describe: (_call, done) => done(null, DescribeResponse.create({ name: "endless" })),
    execute: () => called.resolve(),
  };
  server.addService(ExecutorServiceService, { ...service });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  const client = new ExecutorServiceClient(address, credentials.createInsecure());
  t.after(() => {
    client.close();
    server.forceShutdown();
    rmSync(directory, { recursive: true });
  });
  const exited = Promise.withResolvers<void>();
  const link = await NativeLink.open(client, { timeouts, exited: exited.promise });
  const request = { executionId: "one", attempt: 1, jobName: "", config: {}, traceContext: {}, labels: {} };
  const call = link.execute(request, () => assert.fail("no event was sent"));
  await called.promise;
  exited.resolve();
  const end = await call.ended;
  assert(!end.ok);

  client.close();
  const next = await link.execute(request, () => assert.fail("no event was sent")).ended;
  assert(!next.ok && next.error.code === "PLUGIN_EXITED", "one on a closed connection fails alike");
});
