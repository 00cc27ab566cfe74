/** Random numbers that a seed makes repeatable. */
export interface Random {
  /** At least 0, below 1. */
  next(): number;
  chance(probability: number): boolean;
  /** An integer from 0 up to `end`, exclusive. */
  below(end: number): number;
  pick<T>(values: readonly [T, ...T[]]): T;
}

/** Source: mulberry32, a public-domain generator by Tommy Ettinger. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    next,
    chance: (probability) => next() < probability,
    below: (end) => Math.floor(next() * end),
    pick: (values) => values[Math.floor(next() * values.length)] ?? values[0],
  };
}
