import { sizeOf, type OutgoingRecord } from "./record.ts";

/** Cut records, in their order, into batches of a size that a broker takes; a record larger than that is one alone. */
export function* batches(
  records: readonly OutgoingRecord[],
  limits: { readonly bytes: number; readonly records: number },
): Generator<readonly OutgoingRecord[]> {
  let batch: OutgoingRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = sizeOf(record);
    if (batch.length > 0 && (bytes + size > limits.bytes || batch.length >= limits.records)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
