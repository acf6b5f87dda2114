import { join } from "node:path";
import { root } from "../../scripts/lib/root.ts";
import { endpointOf, type System } from "./system.ts";

const service = "test.v1.Peer";
const protoFile = join(root, "test/executors/grpc/server/peer.proto");

/** A unary call that answers with what it was sent. */
export const grpc: System = {
  name: "grpc",
  config: (target) => ({
    url: `${endpointOf(target, "plain")}/${service}/Echo`,
    body: JSON.stringify({ text: target.message }),
  }),
  tool: {
    program: "grpcurl",
    go: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
    args: (target) => [
      ...["-plaintext", "-d", JSON.stringify({ text: target.message })],
      ...[endpointOf(target, "plain"), `${service}/Echo`],
    ],
  },
  async open(target) {
    const [{ Client, credentials }, { load }] = await Promise.all([
      import("@grpc/grpc-js"),
      import("@grpc/proto-loader"),
    ]);
    const method = (await load(protoFile))[service];
    const echo = method !== undefined && "Echo" in method ? method.Echo : undefined;
    if (echo === undefined) throw new Error(`${protoFile} has no ${service}/Echo`);
    const client = new Client(endpointOf(target, "plain"), credentials.createInsecure());
    return {
      publish: () =>
        new Promise<void>((resolve, reject) => {
          const { path, requestSerialize, responseDeserialize } = echo;
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { text: target.message }, (error) =>
            error === null ? resolve() : reject(error),
          );
        }),
      close: async () => client.close(),
    };
  },
};
