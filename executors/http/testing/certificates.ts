import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const keyType = "ec -pkeyopt ec_paramgen_curve:prime256v1";

/** A certificate with its key. */
export interface Identity {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificate: string;
  readonly key: string;
}

/** An authority in a directory of its own, made with the openssl command. */
export class TestAuthority implements AsyncDisposable {
  readonly directory: string;
  readonly caFile: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.caFile = join(directory, "ca.pem");
  }

  static async create(name = "test-authority"): Promise<TestAuthority> {
    const authority = new TestAuthority(await mkdtemp(join(tmpdir(), "executor-http-")));
    await authority.#openssl(
      `req -x509 -newkey ${keyType} -nodes -days 2 -subj /CN=${name} -keyout ca.key -out ca.pem`,
    );
    return authority;
  }

  /** A file in the authority's directory. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** @param name also the base of the file names */
  async issue(name: string, alternativeNames = "IP:127.0.0.1,DNS:localhost"): Promise<Identity> {
    const [request, extensions] = [`${name}.csr`, `${name}.ext`];
    await this.#openssl(`req -newkey ${keyType} -nodes -subj /O=Test/CN=${name} -keyout ${name}.key -out ${request}`);
    await writeFile(this.path(extensions), `subjectAltName=${alternativeNames}\n`);
    await this.#openssl(
      `x509 -req -in ${request} -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ${extensions} -out ${name}.pem`,
    );
    const certificateFile = this.path(`${name}.pem`);
    const keyFile = this.path(`${name}.key`);
    return {
      certificateFile,
      keyFile,
      certificate: await readFile(certificateFile, "utf8"),
      key: await readFile(keyFile, "utf8"),
    };
  }

  /** @returns the path of an encrypted copy of a key */
  async encryptKey(keyFile: string, passphrase: string): Promise<string> {
    await this.#openssl(`pkcs8 -topk8 -in ${keyFile} -out ${keyFile}.enc -passout pass:${passphrase}`);
    return `${keyFile}.enc`;
  }

  /** Words separated by spaces; none of them has one inside. */
  async #openssl(command: string): Promise<void> {
    await run("openssl", command.split(" "), { cwd: this.directory });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
