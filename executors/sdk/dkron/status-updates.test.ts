import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  Channel,
  credentials,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import {
  StatusHelperServiceService,
  type StatusUpdateRequest,
  type StatusUpdateResponse,
} from "@executor-host/proto/dkron/types-v1";
import { MemoryLogger } from "../testing/memory-logger.ts";
import { limits } from "../timeouts.ts";
import { StatusUpdates } from "./status-updates.ts";

const guard = { timeout: 30_000 };
type Update = (
  call: ServerUnaryCall<StatusUpdateRequest, StatusUpdateResponse>,
  done: sendUnaryData<StatusUpdateResponse>,
) => void;

/** A callback that behaves as told, and updates on their way to it. */
async function callback(context: TestContext, update: Update, limitMs?: number) {
  const server = new Server();
  server.addService(StatusHelperServiceService, { update });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  context.after(() => server.forceShutdown());
  const logger = new MemoryLogger();
  const channel = new Channel(`127.0.0.1:${port}`, credentials.createInsecure(), {});
  return { logger, updates: new StatusUpdates(channel, StatusHelperServiceService.update.path, logger, limitMs) };
}

test("live updates that are never answered are given up, and the job goes on", guard, async (context) => {
  const { logger, updates } = await callback(context, () => undefined, 50);
  const half = Buffer.alloc(limits.statusBufferBytes / 2);
  assert.equal(updates.push(half, false), true);
  assert.equal(updates.push(half, false), false);
  await updates.drained();
  assert.equal(updates.push(half, false), true);
  assert.equal(updates.push(half, false), true, "nothing is kept any more");
  assert.match(logger.entries[0]?.message ?? "", /^live output is given up/);
  await updates.close();
});

test("live updates that fail once lose their own piece only", guard, async (context) => {
  const received: string[] = [];
  const { logger, updates } = await callback(context, (call, done) => {
    received.push(call.request.output.toString());
    if (received.length === 1) done({ code: status.INTERNAL, details: "oh" });
    else done(null, { r: 0 });
  });
  for (const text of ["a", "b", "c"]) updates.push(Buffer.from(text), false);
  await updates.close();
  assert.deepEqual(received, ["a", "b", "c"]);
  assert.deepEqual(logger.entries, []);
});

test("live updates that are left at the end are waited for, within a limit", guard, async (context) => {
  let answered = 0;
  const { updates } = await callback(
    context,
    (_call, done) => {
      answered += 1;
      if (answered === 1) done(null, { r: 0 });
    },
    50,
  );
  for (let count = 0; count < 5; count++) updates.push(Buffer.from("x"), true);
  await updates.close();
  assert.equal(answered, 2);
});
