import { join } from "node:path";
import { makeCertificates } from "./certificates.ts";
import { freePorts } from "./free-ports.ts";
import { buildGoProgram } from "./go.ts";
import type { Service } from "./service.ts";
import { waitForPort } from "./wait-for-port.ts";

const source = "test/executors/grpc/server";
const listeners = ["plain", "alpha", "bare", "tls", "mutual"] as const;

/**
 * A gRPC server written in Go.
 *
 * `plain` has both versions of reflection, `alpha` the old one, `bare` none; `tls` has TLS, `mutual` asks for a client certificate, too.
 */
export const grpc: Service = {
  name: "grpc",
  summary: "a gRPC server with all kinds of calls, reflection, health and TLS, built by Go",

  async install(context) {
    context.log("building the server, unless it is there");
    await buildGoProgram(source, context);
  },

  async start(context) {
    const { directory } = context;
    const program = await buildGoProgram(source, context);
    const certificates = await makeCertificates(directory, "grpc-client");
    const ports = await freePorts(listeners.length);
    const addresses = listeners.map((name, index) => [name, `127.0.0.1:${ports[index]}`] as const);
    const files = {
      socket: join(directory, "peer.sock"),
      descriptors: join(directory, "peer.binpb"),
      certificate: certificates.serverCertificate,
      key: certificates.serverKey,
      authority: certificates.ca,
    };
    const flags = [...addresses, ...Object.entries(files)].map(([name, value]) => `-${name}=${value}`);
    context.spawn("peer", program, flags);
    await Promise.all(ports.map((port) => waitForPort("peer", port, context)));
    const { ca, clientCertificate, clientKey } = certificates;
    const { socket, descriptors } = files;
    return { endpoints: { ...Object.fromEntries(addresses), socket, descriptors, ca, clientCertificate, clientKey } };
  },
};
