import { median } from './statistics.ts';

export type Unit = 'ms' | 's CPU' | '% of a core' | 'MB' | 'KB' | 'events';

/** One line of the table. */
export interface Figure {
  /** Stable over releases, because baselines are compared by it. */
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** In `unit`, one for each run. */
  readonly values: readonly number[];
  /** What the same machine needs at least, measured between the runs. */
  readonly limit?: { readonly title: string; readonly values: readonly number[] };
  /** The same of the other runner, right after this one's. */
  readonly other?: readonly number[];
}

/** How many times the limit a figure is; undefined where there is none. */
export function ratioOf({ values, limit }: Figure): number | undefined {
  if (limit === undefined) return undefined;
  const least = median(limit.values);
  return least === 0 ? undefined : median(values) / least;
}

/** What of the other runner's figure this one's is; undefined where there is none. */
export function shareOf({ values, other }: Figure): number | undefined {
  if (other === undefined || other.length === 0) return undefined;
  const others = median(other);
  return others === 0 ? undefined : median(values) / others;
}

/** Puts the figures of another runner beside those of the same name. */
export function besideOther(own: readonly Figure[], others: readonly Figure[]): readonly Figure[] {
  const valuesOf = new Map(others.map(({ name, values }) => [name, values]));
  return own.map((figure) => {
    const other = valuesOf.get(figure.name);
    return other === undefined ? figure : { ...figure, other };
  });
}

const HEAD = ['figure', 'unit', 'median', 'min', 'max', 'limit', 'ratio', 'what the limit is'];
const OTHER_HEAD = ['other runner', 'of it'];

/** As a table in Markdown, so that it can be copied into a page. */
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
