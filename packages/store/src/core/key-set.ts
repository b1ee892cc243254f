/**
 * A set of key hashes: open addressing in one typed array, because a `Set` of doubles costs five times the memory and
 * a heap object for each.
 */

const slotsMin = 1024;

export class KeySet {
  #slots = new Float64Array(slotsMin);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(hash: number): boolean {
    return this.#slots[this.#slotOf(hash)] === hash;
  }

  /** False if it was there already. `hash` is a positive safe integer: 0 marks an empty slot. */
  add(hash: number): boolean {
    const slot = this.#slotOf(hash);
    if (this.#slots[slot] === hash) return false;
    this.#slots[slot] = hash;
    this.#size += 1;
    if (this.#size * 2 > this.#slots.length) this.#grow();
    return true;
  }

  /** Where the hash stands, or the empty slot where it would. */
  #slotOf(hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    // `|` takes the low 32 bits, which are as well mixed as the high ones.
    for (let slot = (hash | 0) & mask; ; slot = (slot + 1) & mask) {
      const found = slots[slot];
      if (found === hash || found === 0) return slot;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Float64Array(before.length * 2);
    for (const hash of before) if (hash !== 0) this.#slots[this.#slotOf(hash)] = hash;
  }
}
