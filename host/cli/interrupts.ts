import { constants } from "node:os";

/** A command was ended by a signal before it was done. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  /** As a shell gives it: 128 and the number of the signal. */
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.exitCode = exitCodeOfSignal(signal);
  }
}

/** 130 for SIGINT, 137 for SIGKILL; 1 for a name that is no signal. */
export function exitCodeOfSignal(signal: string): number {
  const number = (constants.signals as Readonly<Record<string, number>>)[signal];
  return number === undefined ? 1 : 128 + number;
}

export type InterruptHandler = (signal: NodeJS.Signals) => void;

/** Signals that ask this command to end, handed to whoever is in charge at the moment. */
export class Interrupts {
  readonly #handlers: InterruptHandler[];

  /** @param fallback in charge while nobody else is */
  constructor(fallback: InterruptHandler) {
    this.#handlers = [fallback];
  }

  raise(signal: NodeJS.Signals): void {
    this.#handlers.at(-1)?.(signal);
  }

  /** Be in charge until disposed of. */
  take(handler: InterruptHandler): Disposable {
    this.#handlers.push(handler);
    return {
      [Symbol.dispose]: () => {
        const at = this.#handlers.lastIndexOf(handler);
        if (at > 0) this.#handlers.splice(at, 1);
      },
    };
  }
}
