import { Metadata, status } from "@grpc/grpc-js";
import { createIdentity } from "@executor-host/goplugin/parts";
import { GRPCStdioClient } from "@executor-host/proto/goplugin";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "@executor-host/proto/health";
import { enumNames, errorText, valueOf } from "../calls.ts";
import type { CheckGroup } from "../check.ts";
import { Connection } from "../connection.ts";
import { boot, failedIfNative, plainConnection, plainLink, usualLine } from "../facts.ts";
import { certificateProblem } from "../handshake-line.ts";
import type { Kit } from "../kit.ts";
import { failed, must, passed, skipped, VerdictError } from "../verdict.ts";
import { settlesWithin } from "../waiting.ts";

/** The connection and the services that go-plugin puts beside the executor's own. */
export const linkGroup: CheckGroup = {
  id: "link",
  title: "Link",
  checks: [
    {
      id: "link.tls",
      title: "Takes the host's connection under mutual TLS",
      why: "It is how hosts connect by default.",
      needs: [],
      blocks: ["native"],
      async run(kit) {
        const { address, identity, certificate } = await tlsBoot(kit);
        using connection = new Connection(address, { identity, certificate });
        const answer = await connection.health(kit.timeouts.stepMs);
        if (answer.ok || answer.code !== status.UNAVAILABLE) return passed;
        return failed(answer.message, "serve with the certificate of field 6, and trust PLUGIN_CLIENT_CERT");
      },
    },
    {
      id: "link.stranger",
      title: "Refuses connections under TLS with another certificate, or with none",
      why: "TLS that lets everybody in protects nothing.",
      needs: [],
      async run(kit) {
        const { address, certificate } = await tlsBoot(kit);
        const hint = "require a client certificate, and verify it against PLUGIN_CLIENT_CERT alone";
        using stranger = new Connection(address, { identity: createIdentity("P-521"), certificate });
        const answer = await stranger.health(kit.timeouts.stepMs);
        must(!answer.ok, "a client with a certificate of its own making was let in", hint);
        using plain = new Connection(address);
        must(!(await plain.health(kit.timeouts.stepMs)).ok, "a client without TLS was let in", hint);
        return passed;
      },
    },
    {
      id: "link.plain",
      title: "Takes connections without TLS when it was given no certificate",
      why: "Dkron speaks to its executors without.",
      needs: [],
      blocks: ["dkron"],
      async run(kit) {
        const { problem } = await plainLink(kit);
        if (problem === "") return passed;
        return failed(problem, "listen before the line is printed, without TLS when PLUGIN_CLIENT_CERT is not set");
      },
    },
    {
      id: "link.health",
      title: "Serves the health service: plugin is SERVING",
      why: "Hosts ask for it to tell a busy executor from a hung one.",
      needs: [],
      async run(kit) {
        const connection = await plainConnection(kit);
        const answer = valueOf("the health check of `plugin`", await connection.health(kit.timeouts.stepMs));
        if (answer.status === ServingStatus.SERVING) return passed;
        return failed(`the state of \`plugin\` is ${enumNames(ServingStatus)(answer.status)}`, "answer SERVING");
      },
    },
    {
      id: "link.stdio",
      title: "Serves the stdio stream, and keeps it open",
      why: "It carries what the executor prints outside executions.",
      needs: [],
      async run(kit) {
        const connection = await plainConnection(kit);
        const stream = connection.client(GRPCStdioClient).streamStdio({}, new Metadata());
        const { promise, resolve } = Promise.withResolvers<string>();
        stream.on("data", () => undefined);
        stream.on("error", () => undefined);
        stream.on("status", ({ code, details }) => resolve(errorText({ code, message: details })));
        const hasEnded = await settlesWithin(promise, kit.timeouts.settleMs);
        stream.cancel();
        if (!hasEnded) return passed;
        const reason = `plugin.GRPCStdio/StreamStdio ended at once: ${await promise}`;
        // Plugins from before go-plugin 1.1 lack it, and hosts bear it.
        return failedIfNative(kit, reason, "keep it open, even if nothing is sent");
      },
    },
  ],
};

async function tlsBoot(kit: Kit) {
  const { address, certificate } = await usualLine(kit, "both versions");
  const { identity } = (await boot(kit, "both versions")).specimen;
  if (identity === undefined || certificateProblem(certificate) !== undefined) {
    throw new VerdictError(skipped("see start.certificate"));
  }
  return { address, certificate, identity };
}
