import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nkeys } from "nats";

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** Who may log in at the servers that know keys instead of passwords. */
export interface NatsIdentities {
  /** Public key of a user. */
  readonly nkey: string;
  /** Its seed. */
  readonly seed: string;
  /** Makes a server that trusts an operator, and knows one account. */
  readonly operatorConfig: string;
  /** Of a user of that account. */
  readonly credsFile: string;
}

/** Make an operator, an account and users, as the command `nsc` would. */
export async function makeIdentities(directory: string): Promise<NatsIdentities> {
  const [operator, account, user, plain] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createUser(),
    nkeys.createUser(),
  ];
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const operatorJwt = sign(operator, operator, "operator", {});
  const accountJwt = sign(operator, account, "account", {
    limits: { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
  });
  const userJwt = sign(account, user, "user", { ...unlimited, pub: {}, sub: {} });
  const credsFile = join(directory, "user.creds");
  const seed = text(user.getSeed());
  await writeFile(
    credsFile,
    `-----BEGIN NATS USER JWT-----\n${userJwt}\n------END NATS USER JWT------\n\n` +
      `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  );
  return {
    nkey: plain.getPublicKey(),
    seed: text(plain.getSeed()),
    operatorConfig: `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
    credsFile,
  };
}

/** A JWT as NATS has them. Source: github.com/nats-io/jwt, version 2. */
function sign(issuer: KeyPair, subject: KeyPair, type: string, claims: object): string {
  const payload = {
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: type,
    nats: { ...claims, type, version: 2 },
  };
  const signed = [{ typ: "JWT", alg: "ed25519-nkey" }, payload].map(encode).join(".");
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
