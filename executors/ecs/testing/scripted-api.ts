import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the script answers to a call: fields of the answer, or an error by name. */
export type Answer =
  | Readonly<Record<string, unknown>>
  | { readonly error: string; readonly message?: string; readonly status?: number };

export interface Call {
  /** `RunTask`, `GetLogEvents` ... */
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Answers a call; anything but an answer drops the connection. */
export type Script = (call: Call) => Answer | undefined;

/**
 * An HTTP server in the form of the AWS API that says what a test wants: for states that an emulator cannot get into. It knows nothing of ECS by
 * itself.
 */
export class ScriptedApi implements AsyncDisposable {
  readonly calls: Call[] = [];
  readonly #server: Server;
  #script: Script;

  private constructor(script: Script) {
    this.#script = script;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(script: Script): Promise<ScriptedApi> {
    const api = new ScriptedApi(script);
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on. */
  follow(script: Script): void {
    this.#script = script;
  }

  count(name: string): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks = (await request.toArray()) as Buffer[];
    const target = String(request.headers["x-amz-target"] ?? "");
    const input = JSON.parse(Buffer.concat(chunks).toString() || "{}") as Record<string, unknown>;
    const call = { name: target.slice(target.indexOf(".") + 1), input };
    this.calls.push(call);
    const answer = this.#script(call);
    if (answer === undefined) {
      request.socket.destroy();
      return;
    }
    const isError = typeof answer["error"] === "string";
    const body = isError ? { __type: answer["error"], message: answer["message"] ?? "as the script says" } : answer;
    const status = isError ? Number(answer["status"] ?? 400) : 200;
    response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
