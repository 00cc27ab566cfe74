import { ratioOf, type Figure } from './figure.ts';

/**
 * The ratio of each figure to its limit, by the figure's name. Ratios can be compared between
 * machines; times cannot.
 */
export type Baseline = Readonly<Record<string, number>>;

/**
 * Two runs on one machine differ by a quarter, and another machine has another Docker and another
 * disk.
 */
const ALLOWED_GROWTH = 1.5;

export function baselineOf(figures: readonly Figure[]): Baseline {
  const known = figures.flatMap((figure) => {
    const ratio = ratioOf(figure);
    return ratio === undefined ? [] : [[figure.name, Number(ratio.toFixed(3))] as const];
  });
  return Object.fromEntries(known);
}

/**
 * Returns a sentence for each figure that has become slower in relation to its limit, or is no
 * longer measured.
 */
export function findSlower(figures: readonly Figure[], baseline: Baseline): readonly string[] {
  const now = baselineOf(figures);
  return Object.entries(baseline).flatMap(([name, before]) => {
    const ratio = now[name];
    if (ratio === undefined) return [`${name}: was not measured, the baseline has ${before}`];
    if (ratio <= before * ALLOWED_GROWTH) return [];
    return [`${name}: ${ratio} times its limit, the baseline has ${before}`];
  });
}
