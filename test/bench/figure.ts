import { median } from './statistics.ts';

export type Unit = 'ms' | 's CPU' | '% of a core' | 'MB' | 'KB' | 'events';

/** One line of the table. */
export interface Figure {
  /** The name must not change between releases, because baselines are compared by it. */
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** The values in `unit`, one for each run. */
  readonly values: readonly number[];
  /** The least that the same machine needs, measured between the runs. */
  readonly limit?: { readonly title: string; readonly values: readonly number[] };
  /** The values of the other runner, measured right after those of this runner. */
  readonly other?: readonly number[];
}

/** Returns the ratio of a figure to its limit, or undefined when it has no limit. */
export function ratioOf({ values, limit }: Figure): number | undefined {
  if (limit === undefined) return undefined;
  const least = median(limit.values);
  return least === 0 ? undefined : median(values) / least;
}

/**
 * Returns the ratio of this runner's figure to the other runner's, or undefined when there is no
 * other.
 */
export function shareOf({ values, other }: Figure): number | undefined {
  if (other === undefined || other.length === 0) return undefined;
  const others = median(other);
  return others === 0 ? undefined : median(values) / others;
}

/** Adds the figures of another runner to those with the same names. */
export function besideOther(own: readonly Figure[], others: readonly Figure[]): readonly Figure[] {
  const valuesOf = new Map(others.map(({ name, values }) => [name, values]));
  return own.map((figure) => {
    const other = valuesOf.get(figure.name);
    return other === undefined ? figure : { ...figure, other };
  });
}

const HEAD = ['figure', 'unit', 'median', 'min', 'max', 'limit', 'ratio', 'what the limit is'];
const OTHER_HEAD = ['other runner', 'of it'];

/** Returns the figures as a table in Markdown, which can be copied into a page. */
export function formatTable(figures: readonly Figure[]): string {
  const hasOther = figures.some(({ other }) => other !== undefined);
  const head = [...HEAD, ...(hasOther ? OTHER_HEAD : [])];
  const cells = (figure: Figure) => [...rowOf(figure), ...(hasOther ? otherCells(figure) : [])];
  const rows = [head, head.map(() => '---'), ...figures.map(cells)];
  const widths = head.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows
    .map((row) => `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`)
    .join('\n');
}

function rowOf(figure: Figure): readonly string[] {
  const { title, unit, values, limit } = figure;
  const ratio = ratioOf(figure);
  return [
    ...[title, unit],
    ...[median(values), Math.min(...values), Math.max(...values)].map(formatNumber),
    limit === undefined ? '' : formatNumber(median(limit.values)),
    ratio === undefined ? '' : ratio.toFixed(2),
    limit?.title ?? '',
  ];
}

function otherCells(figure: Figure): readonly string[] {
  const share = shareOf(figure);
  if (figure.other === undefined || share === undefined) return ['', ''];
  return [formatNumber(median(figure.other)), share.toFixed(2)];
}

function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 3);
}
