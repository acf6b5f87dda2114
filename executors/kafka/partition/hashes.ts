/** The hash by which Java clients choose partitions. Source: Austin Appleby's MurmurHash2, 32 bits, with the seed that Kafka uses. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const multiplier = 0x5bd1e995;
  const mixed = (word: number): number => {
    const product = Math.imul(word, multiplier);
    return Math.imul(product ^ (product >>> 24), multiplier);
  };
  const whole = bytes.length & ~3;
  let hash = 0x9747b28c ^ bytes.length;
  for (let at = 0; at < whole; at += 4) hash = Math.imul(hash, multiplier) ^ mixed(view.getInt32(at, true));
  for (let at = bytes.length - 1; at >= whole; at--) hash ^= view.getUint8(at) << ((at - whole) * 8);
  if (bytes.length > whole) hash = Math.imul(hash, multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** FNV-1a, 32 bits. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0;
}
