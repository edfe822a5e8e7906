/** Ids by name, straight from the type section: enough of BTF for the few types of the harness. */
export function typeIds(bytes) {
  const view = new DataView(bytes.buffer);
  const header = view.getUint32(4, true);
  const typeEnd = header + view.getUint32(8, true) + view.getUint32(12, true);
  const strings = header + view.getUint32(16, true);
  const found = {};
  let id = 1;
  for (let at = header + view.getUint32(8, true); at < typeEnd; id++) {
    const nameAt = strings + view.getUint32(at, true);
    const info = view.getUint32(at + 4, true);
    const kind = (info >> 24) & 0x1f;
    const length = info & 0xffff;
    let end = nameAt;
    while (bytes[end] !== 0) end++;
    found[new TextDecoder().decode(bytes.subarray(nameAt, end))] ??= id;
    const extra = {
      1: 4,
      3: 12,
      4: 12 * length,
      5: 12 * length,
      6: 8 * length,
      13: 8 * length,
      14: 4,
      15: 12 * length,
      17: 4,
      19: 12 * length,
    };
    at += 12 + (extra[kind] ?? 0);
  }
  return found;
}
