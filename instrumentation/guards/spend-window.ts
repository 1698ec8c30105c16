/** What an agent spent in the last so many seconds, in this process: 60 slots that are overwritten as time goes by; no timers. */
const SLOTS = 60

export class SpendWindow {
  readonly #usd = new Float64Array(SLOTS)
  readonly #slotOf = new Float64Array(SLOTS).fill(-1)
  /** US dollars set aside for calls under way. */
  reservedUsd = 0

  /** Adds a spend at a time. */
  add(usd: number, seconds: number, now: number): void {
    const slot = Math.floor(now / slotMs(seconds))
    const at = slot % SLOTS
    if (this.#slotOf[at] !== slot) {
      this.#slotOf[at] = slot
      this.#usd[at] = 0
    }
    this.#usd[at] = (this.#usd[at] ?? 0) + usd
  }

  /** US dollars spent within `seconds` before `now`, to a sixtieth of the window. */
  spent(seconds: number, now: number): number {
    const newest = Math.floor(now / slotMs(seconds))
    let sum = 0
    for (let i = 0; i < SLOTS; i++) {
      const slot = this.#slotOf[i] ?? -1
      if (slot > newest - SLOTS && slot <= newest) sum += this.#usd[i] ?? 0
    }
    return sum
  }
}

const slotMs = (seconds: number): number => (seconds * 1000) / SLOTS
