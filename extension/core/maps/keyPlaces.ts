/**
 * Finds entries by the bytes of their keys among many keys that lie one after the other: a hash table with open addressing over
 * numbers only, since a million strings would cost more than all the rest.
 */
export class KeyPlaces {
  readonly #keys: Uint8Array;
  readonly #keySize: number;
  /** Place + 1; 0 is free. */
  #slots: Int32Array;
  #count = 0;

  /** `keys` may be filled later: only what is added is looked at. */
  constructor(keys: Uint8Array, keySize: number) {
    this.#keys = keys;
    this.#keySize = keySize;
    const room = keySize === 0 ? 1 : keys.length / keySize;
    this.#slots = new Int32Array(2 ** Math.max(4, Math.ceil(Math.log2(2 * room + 1))));
  }

  /** The place of the key that stands at `at` in `bytes`, -1 when it was not added. */
  find(bytes: Uint8Array, at: number): number {
    const slot = this.#slots[this.#slotOf(bytes, at)] ?? 0;
    return slot - 1;
  }

  /** Adds the key that stands at `place`; false when there is an equal one already. */
  add(place: number): boolean {
    const slot = this.#slotOf(this.#keys, place * this.#keySize);
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = place + 1;
    this.#count++;
    if (this.#count > 0.75 * this.#slots.length) throw new RangeError('More keys were added than there is room for');
    return true;
  }

  /** Where the key is, or would be. */
  #slotOf(bytes: Uint8Array, at: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(bytes, at) & mask; ; slot = (slot + 1) & mask) {
      const place = (this.#slots[slot] ?? 0) - 1;
      if (place < 0 || this.#equal(place * this.#keySize, bytes, at)) return slot;
    }
  }

  /** FNV-1a with a last mix, since slots are chosen by the low bits. */
  #hash(bytes: Uint8Array, at: number): number {
    let hash = 0x811c9dc5;
    for (let i = at; i < at + this.#keySize; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #equal(own: number, bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < this.#keySize; i++) if (this.#keys[own + i] !== bytes[at + i]) return false;
    return true;
  }
}
