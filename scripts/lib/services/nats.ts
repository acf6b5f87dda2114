import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCertificates } from "./certificates.ts";
import { freePorts } from "./free-ports.ts";
import { installGoProgram } from "./go.ts";
import { makeIdentities } from "./nats-identities.ts";
import type { Service, ServiceContext } from "./service.ts";
import { waitForPort } from "./wait-for-port.ts";

const module = "github.com/nats-io/nats-server/v2@v2.15.2";

/**
 * nats-server with JetStream, once for each way to be let in.
 *
 * `plain` takes anybody; `users` has passwords, an NKey and permissions; `token` has TLS and a token; `mutual` begins with TLS and asks for
 * a client certificate; `operator` knows users by signed JWTs.
 */
export const nats: Service = {
  name: "nats",
  summary: `nats-server ${module.split("@")[1]} with JetStream, built by Go`,

  async install(context) {
    context.log("building nats-server, unless it is there");
    await installGoProgram(module, context);
  },

  async start(context) {
    const { directory } = context;
    const program = join(await installGoProgram(module, context), "nats-server");
    const certificates = await makeCertificates(directory, "nats-client");
    const identities = await makeIdentities(directory);
    const tls = `cert_file: "${certificates.serverCertificate}", key_file: "${certificates.serverKey}"`;
    const configs: Readonly<Record<string, string>> = {
      plain: "",
      users: `authorization { users: [
        { user: alice, password: "alice-secret" }
        { user: bob, password: "bob-secret", permissions: { publish: ["jobs.>"], subscribe: ["_BOB.>"] } }
        { nkey: ${identities.nkey} }
      ] }`,
      token: `authorization { token: "token-secret" }\ntls { ${tls} }`,
      mutual: `tls { ${tls}, ca_file: "${certificates.ca}", verify: true, handshake_first: true }`,
      operator: identities.operatorConfig,
    };
    const names = Object.keys(configs);
    const ports = await freePorts(names.length);
    await Promise.all(
      names.map((name, index) => startServer(name, configs[name] ?? "", ports[index] ?? 0, program, context)),
    );
    const addresses = names.map((name, index) => [name, `127.0.0.1:${ports[index]}`] as const);
    const { ca, clientCertificate, clientKey } = certificates;
    const { seed, credsFile } = identities;
    return { endpoints: { ...Object.fromEntries(addresses), ca, clientCertificate, clientKey, seed, credsFile } };
  },
};

async function startServer(
  name: string,
  config: string,
  port: number,
  program: string,
  context: ServiceContext,
): Promise<void> {
  const file = join(context.directory, `${name}.conf`);
  const store = join(context.directory, `${name}-store`);
  // Accounts of an operator have JetStream only when the operator says so.
  const jetstream = name === "operator" ? "" : `jetstream { store_dir: "${store}" }`;
  await writeFile(file, `listen: "127.0.0.1:${port}"\nserver_name: ${name}\n${jetstream}\n${config}\n`);
  context.spawn(name, program, ["--config", file]);
  await waitForPort(name, port, context);
}
