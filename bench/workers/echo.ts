// Bare grpc-js: a unary call that returns what it was sent, over one hop or two. The control for everything that goes through a host.
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { burst, type BurstOptions } from "../lib/burst.ts";
import { answer } from "../lib/worker.ts";

const method = { path: "/bench.Echo/Echo", requestStream: false, responseStream: false } as const;
const same = (bytes: Buffer): Buffer => bytes;
const definition = {
  echo: {
    ...method,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

const server = new Server();
let client: Client | undefined;

const handlers = {
  /** Serve at a socket, from here or from the next hop. */
  async serve({ path, next }: { path: string; next?: string }): Promise<void> {
    if (next !== undefined) connect(next);
    server.addService(definition, {
      echo(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
        if (next === undefined) done(null, call.request);
        else echo(call.request).then((reply) => done(null, reply), done);
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  },

  connect: ({ path }: { path: string }) => connect(path),

  burst({ bytes, ...options }: { bytes: number } & BurstOptions) {
    const message = Buffer.alloc(bytes, 1);
    return burst(options, () => echo(message));
  },
};

export type EchoWorker = typeof handlers;

answer(handlers, async () => {
  client?.close();
  server.forceShutdown();
});

function connect(path: string): void {
  client = new Client(`unix:${path}`, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
}

function echo(message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client?.makeUnaryRequest(method.path, same, same, message, new Metadata(), {}, (error, reply) => {
      if (error !== null) reject(error);
      else resolve(reply ?? Buffer.of());
    });
  });
}
