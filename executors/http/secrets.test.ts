import assert from "node:assert/strict";
import { test } from "node:test";

import { TestExecutor } from "./testing/test-executor.ts";
import { TestServer } from "./testing/test-server.ts";

const guard = { timeout: 60_000 };

// A planted value must not come out anywhere: report, evidence, violations, warnings, trace, log, progress, started.
const planted = "pl4nted";

test("no secret comes out of an execution, whatever happens to it", guard, async () => {
  await using server = await TestServer.start((request, response, raw) => {
    if (request.url.startsWith("/reset")) return raw.socket.destroy();
    if (request.url.startsWith("/moved")) {
      return response.writeHead(302, { location: `http://u:${planted}@127.0.0.1:1/?token=${planted}` }).end();
    }
    return response
      .writeHead(500, {
        "Set-Cookie": `sid=${planted}`,
        "WWW-Authenticate": `Digest nonce="${planted}"`,
        "X-Auth-Token": planted,
        Location: `/?access_token=${planted}`,
      })
      .end("body");
  });
  await using http = new TestExecutor();
  const host = `127.0.0.1:${server.port}`;
  const credentials = [
    { url: `http://ann:${planted}@${host}/?api_key=${planted}` },
    { url: `http://${host}/`, headers: `["Authorization: ${planted}","X-Api-Key: ${planted}","Cookie: c=${planted}"]` },
    { url: `http://${host}/`, auth: "basic", username: "ann", password: planted },
    { url: `http://${host}/`, auth: "bearer", token: planted },
    { url: `http://${host}/`, auth: "digest", username: "ann", password: planted },
    {
      url: `http://${host}/`,
      auth: "oauth2",
      oauth2_token_url: `http://ann:${planted}@${host}/token`,
      oauth2_client_id: "c",
      oauth2_client_secret: planted,
    },
    { url: `http://${host}/`, proxy: `http://ann:${planted}@127.0.0.1:1` },
    { url: `http://${host}/`, proxy: `ftp://ann:${planted}@a.test` },
    { url: `http://${host}/`, tls_certificate: "x", tls_certificate_key: planted, tls_key_passphrase: planted },
    { url: `http://${host}/`, headers: `["X-Api-Key ${planted}"]` },
    { url: `http://${host}/`, headers: `{"X-Api-Key": {"${planted}": 1}}` },
    { url: `http://ann:${planted}@/` },
    { url: `http://${host}/moved` },
    { url: `http://${host}/reset?token=${planted}` },
    { url: `http://no-such-host.invalid/?token=${planted}` },
  ];
  for (const config of credentials) {
    const run = await http.run({ ...config, debug: "true", retry_attempts: "2", retry_backoff: "1ms" });
    assert.notEqual(run.report.outcome, "SUCCEEDED");
    const everything = JSON.stringify([run.report, run.events, run.logs]) + run.output.toString("utf8");
    assert.ok(!everything.includes(planted), `${JSON.stringify(config)} gives away its secret: ${everything}`);
  }
});
