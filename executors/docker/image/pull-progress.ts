import type { ProgressUpdate } from "@executor-host/sdk";

/** One line of an engine's report while it pulls. */
export interface PullLine {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
}

/** How far the layers of an image are. */
export class PullProgress {
  readonly #layers = new Map<string, { current: number; total: number }>();

  add({ id, status, progressDetail }: PullLine): void {
    if (id === undefined) return;
    const layer = this.#layers.get(id);
    const { current, total } = progressDetail ?? {};
    // Each layer is downloaded and then unpacked; what counts for people is the way from the registry.
    if (status === "Downloading" && current !== undefined && total !== undefined)
      this.#layers.set(id, { current, total });
    else if (layer !== undefined && status !== "Downloading") layer.current = layer.total;
  }

  report(): Pick<ProgressUpdate, "fraction" | "details"> {
    const layers = [...this.#layers.values()];
    const bytes = layers.reduce((sum, { current }) => sum + current, 0);
    const totalBytes = layers.reduce((sum, { total }) => sum + total, 0);
    if (totalBytes === 0) return {};
    return { fraction: bytes / totalBytes, details: { phase: "pull", bytes, totalBytes, layers: layers.length } };
  }
}
