import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Command } from "./client.ts";

/** A message as JSON. */
// oxlint-disable-next-line typescript/no-explicit-any -- its shape is the contract's; what is wrong with it, the tests tell
export type Message = Readonly<Record<string, any>>;

/** How a call ended: a code by its name, and what was said of it. */
export interface End {
  readonly status: string;
  readonly message: string;
  /** `google.rpc` messages by their last name: `ErrorInfo`, `BadRequest`, `RetryInfo`. */
  readonly details: Message;
}

/** A client in another language, which makes one call after the other. Disposing of it ends it, in order. */
export class Session implements AsyncDisposable {
  /** Names of the calls that any session has made. */
  readonly called: Set<string>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor([program, ...first]: Command, address: string, called: Set<string>) {
    this.called = called;
    this.#child = spawn(program, [...first, address], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /**
   * Make a call, and get its messages while they come.
   *
   * @param take drop the call after so many messages
   * @returns how it ended
   */
  async *call(method: string, request: Message = {}, take = 0): AsyncGenerator<Message, End> {
    this.called.add(method);
    this.#child.stdin.write(`${JSON.stringify({ method, request, take })}\n`);
    for (;;) {
      const line = await this.#lines.next();
      assert(line.done !== true, `the client ended in the middle of ${method}`);
      const said = JSON.parse(line.value) as Message;
      if (said["message"] !== undefined && said["status"] === undefined) {
        yield said["message"] as Message;
        continue;
      }
      const { status, message = "", details = [] } = said as { status: string; message?: string; details?: Message[] };
      const named = details.map((detail) => [String(detail["@type"]).replace(/^.*\./, ""), detail]);
      return { status, message, details: Object.fromEntries(named) as Message };
    }
  }

  /** All messages of a call, and its end. */
  async all(method: string, request?: Message, take?: number): Promise<{ messages: Message[]; end: End }> {
    const messages: Message[] = [];
    const call = this.call(method, request, take);
    for (;;) {
      const { done, value } = await call.next();
      if (done === true) return { messages, end: value };
      messages.push(value);
    }
  }

  /** The one answer of a call that works. */
  async ask(method: string, request?: Message): Promise<Message> {
    const { messages, end } = await this.all(method, request);
    assert.deepEqual([end.status, messages.length], ["OK", 1], end.message);
    return messages[0]!;
  }

  /** The end of a call that does not work. */
  async refusal(method: string, request?: Message): Promise<End> {
    const { messages, end } = await this.all(method, request);
    assert.deepEqual(messages, []);
    return end;
  }

  /** All events of a call that streams them to their end. */
  async events(method: "Execute" | "Watch", request: Message): Promise<Message[]> {
    const { messages, end } = await this.all(method, request);
    assert.equal(end.status, "OK", end.message);
    return eventsOf(messages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.stdin.end();
    assert.deepEqual(await closed, [0, null], "it ends in order");
  }
}

export function eventsOf(messages: readonly Message[]): Message[] {
  return messages.flatMap(({ events = [] }) => events as Message[]);
}
