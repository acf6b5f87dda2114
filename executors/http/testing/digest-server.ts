import { createHash, randomBytes } from "node:crypto";

import { TestServer } from "./test-server.ts";

export interface DigestServerOptions {
  readonly algorithm?: "MD5" | "SHA-256";
  /** Every nonce is good for so many requests; then it is stale. */
  readonly usesPerNonce?: number;
}

/** Redirects from `/moved` to `/end`. Lets in `ann` with password `s3cret`, and nobody else: checks the answer, the nonce, and that its counter rises. */
export function startDigestServer({
  algorithm = "SHA-256",
  usesPerNonce = Infinity,
}: DigestServerOptions = {}): Promise<TestServer> {
  const uses = new Map<string, number>();
  const hash = (text: string): string =>
    createHash(algorithm === "MD5" ? "md5" : "sha256")
      .update(text)
      .digest("hex");
  return TestServer.start((request, response) => {
    const challenge = (stale: boolean): void => {
      const nonce = randomBytes(8).toString("hex");
      uses.set(nonce, 0);
      const fields = `realm="test", nonce="${nonce}", algorithm=${algorithm}, qop="auth", opaque="o"${stale ? ", stale=true" : ""}`;
      response.writeHead(401, { "WWW-Authenticate": `Digest ${fields}` }).end("who are you?");
    };
    const given = Object.fromEntries(
      [...(request.headers.authorization ?? "").matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)].map(
        ([, name, quoted, bare]) => [name, quoted ?? bare ?? ""],
      ),
    ) as Record<string, string>;
    const { username = "", nonce = "", nc = "", cnonce = "", uri = "" } = given;
    const count = uses.get(nonce);
    if (count === undefined) return challenge(false);
    const expected = hash(
      [hash(`${username}:test:s3cret`), nonce, nc, cnonce, "auth", hash(`${request.method}:${request.url}`)].join(":"),
    );
    const right =
      username === "ann" && given["response"] === expected && uri === request.url && given["opaque"] === "o";
    if (!right || Number.parseInt(nc, 16) !== count + 1) return challenge(false);
    if (count >= usesPerNonce) return challenge(true);
    uses.set(nonce, count + 1);
    if (request.url === "/moved") return response.writeHead(302, { Location: "/end" }).end();
    return response.end(`hello ${username}: ${request.body}`);
  });
}
