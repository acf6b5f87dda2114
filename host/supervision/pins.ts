import { openVerified } from "@executor-host/goplugin/client";
import { HostError, isHostError } from "@executor-host/proto/shared/error";
import type { Binary } from "./catalog.ts";

/** Which files may be started as executors: those with the sums that the operator has written down. */
export class Pins {
  readonly #sums: ReadonlyMap<string, string>;
  readonly #areRequired: boolean;

  constructor(sums: ReadonlyMap<string, string>, areRequired: boolean) {
    this.#sums = sums;
    this.#areRequired = areRequired;
  }

  /** The sum for an executor's file; empty when it has none. */
  of(name: string): string {
    return this.#sums.get(name) ?? "";
  }

  /** @throws {HostError} `EXECUTOR_UNUSABLE` when it should have a pin and has none */
  assertPinned(name: string): void {
    if (!this.#areRequired || this.#sums.has(name)) return;
    throw new HostError("EXECUTOR_UNUSABLE", "it has no pin, and require-pins is set", {
      hint: "`executor-host executors --pins` prints the sum to pin in executor-pins, once you trust the file",
    });
  }

  /**
   * Look at the file as it is now. What counts is what is found when it is started.
   *
   * @returns why it would be refused
   */
  async problemOf({ name, path }: Binary): Promise<HostError | undefined> {
    try {
      this.assertPinned(name);
      const sum = this.of(name);
      if (sum !== "") await (await openVerified(path, sum)).close();
      return undefined;
    } catch (error) {
      if (isHostError(error)) return error;
      throw error;
    }
  }
}
