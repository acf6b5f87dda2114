import { busyShare } from "./proc.ts";
import { median } from "./stats.ts";

/** One thing that is measured beside others. */
export interface Subject {
  readonly label: string;
  /** Measure once. @returns values by the name of the metric */
  measure(): Promise<Readonly<Record<string, number>>>;
}

/** What came out, by subject and metric: one value per round. */
export class Results {
  readonly labels: readonly string[];
  /** Share of the machine that others used, looked at before each round, 0 to 1. */
  readonly othersShare: readonly number[];
  readonly #samples: ReadonlyMap<string, readonly Readonly<Record<string, number>>[]>;

  constructor(
    samples: ReadonlyMap<string, readonly Readonly<Record<string, number>>[]>,
    othersShare: readonly number[],
  ) {
    this.labels = [...samples.keys()];
    this.othersShare = othersShare;
    this.#samples = samples;
  }

  /** Empty when the subject has no such metric. */
  values(label: string, metric: string): readonly number[] {
    return (this.#samples.get(label) ?? []).flatMap((sample) => sample[metric] ?? []);
  }

  median(label: string, metric: string): number {
    return median(this.values(label, metric));
  }

  /** Median of the ratios within each round: what disturbs a whole round falls out. */
  ratio(label: string, metric: string, control: string): number {
    const base = this.values(control, metric);
    return median(this.values(label, metric).map((value, round) => value / (base[round] ?? Number.NaN)));
  }
}

const settleMs = 300;

/** Measure all subjects in turn, and that `rounds` times, so that what disturbs the machine disturbs all of them. */
export async function interleave(rounds: number, subjects: readonly Subject[]): Promise<Results> {
  const samples = new Map<string, Readonly<Record<string, number>>[]>(subjects.map(({ label }) => [label, []]));
  const othersShare: number[] = [];
  for (let round = 0; round < rounds; round++) {
    othersShare.push(await busyShare(settleMs));
    for (const { label, measure } of subjects) {
      process.stderr.write(`  round ${round + 1} of ${rounds}: ${label}\n`);
      samples.get(label)?.push(await measure());
    }
  }
  return new Results(samples, othersShare);
}
