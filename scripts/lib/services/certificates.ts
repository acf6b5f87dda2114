import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const keyType = "ec -pkeyopt ec_paramgen_curve:prime256v1";

/** PEM files for a TLS server on loopback, and for a client that it knows. */
export interface Certificates {
  readonly ca: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

/**
 * Make an authority of a service's own, with the openssl command.
 *
 * @param clientName common name of the client's certificate
 */
export async function makeCertificates(directory: string, clientName: string): Promise<Certificates> {
  /** Words separated by spaces; none of them has one inside. */
  const openssl = (command: string) => run("openssl", command.split(" "), { cwd: directory });
  const issue = async (file: string, name: string, usage: string): Promise<void> => {
    const extensions = `subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=${usage}\n`;
    await writeFile(join(directory, `${file}.ext`), extensions);
    await openssl(`req -newkey ${keyType} -nodes -subj /CN=${name} -keyout ${file}.key -out ${file}.csr`);
    await openssl(
      `x509 -req -in ${file}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile ${file}.ext -out ${file}.pem`,
    );
  };
  await openssl(`req -x509 -newkey ${keyType} -nodes -days 3650 -subj /CN=test-authority -keyout ca.key -out ca.pem`);
  await issue("server", "localhost", "serverAuth");
  await issue("client", clientName, "clientAuth");
  const path = (name: string): string => join(directory, name);
  return {
    ca: path("ca.pem"),
    serverCertificate: path("server.pem"),
    serverKey: path("server.key"),
    clientCertificate: path("client.pem"),
    clientKey: path("client.key"),
  };
}
