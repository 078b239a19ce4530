/** Chances that come again with their seed (mulberry32). */
export interface Dice {
  /** 0, 1, … below `count`. */
  below(count: number): number;
  chance(share: number): boolean;
  pick<T>(values: readonly T[]): T;
  /** Mostly the plain value, else one of the others. */
  mostly<T>(plain: T, others: readonly T[]): T;
}

export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(next() * count);
  const pick = <T>(values: readonly T[]) => {
    if (values.length === 0) throw new Error('nothing to pick from');
    return values[below(values.length)] as T;
  };
  return {
    below,
    chance: (share) => next() < share,
    pick,
    mostly: (plain, others) => (next() < 0.7 ? plain : pick(others)),
  };
}
