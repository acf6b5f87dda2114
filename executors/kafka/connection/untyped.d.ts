declare module "snappyjs" {
  const snappy: {
    compress(bytes: Uint8Array): Uint8Array;
    uncompress(bytes: Uint8Array): Uint8Array;
  };
  export = snappy;
}

declare module "lz4js" {
  const lz4: {
    compressBound(bytes: number): number;
    /**
     * @param hashTable of 65536 entries, all 0
     * @returns how much of `target` is used; 0 when the bytes cannot be made fewer
     */
    compressBlock(bytes: Uint8Array, target: Uint8Array, from: number, length: number, hashTable: Uint32Array): number;
    /** Takes a frame. */
    decompress(bytes: Uint8Array): Uint8Array;
  };
  export = lz4;
}

declare module "kafkajs/src/network/requestQueue/index.js" {
  /** What one connection has to send. */
  class RequestQueue {
    readonly pending: readonly unknown[];
    /** Milliseconds since the epoch; in the past when the broker does not slow it down. */
    readonly throttledUntil: number;
    scheduleCheckPendingRequests(): void;
  }
  export = RequestQueue;
}
