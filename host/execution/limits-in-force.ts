import type { Limits } from "../model/model.ts";

/** All limits of one execution, the host's defaults filled in. */
export type FullLimits = Limits & { readonly graceMs: number; readonly maxOutputBytes: number };

/** The limits an execution has at the moment: they can change while it runs. */
export class LimitsInForce {
  #values: FullLimits;
  readonly #listeners = new Set<() => void>();

  constructor(values: FullLimits) {
    this.#values = values;
  }

  get values(): FullLimits {
    return this.#values;
  }

  /** Everybody who counts by them hears of it before this returns. */
  change(values: FullLimits): void {
    this.#values = values;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }
}
