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
}

/** How many times the limit a figure is; undefined where there is none. */
export function ratioOf({ values, limit }: Figure): number | undefined {
  if (limit === undefined) return undefined;
  const least = median(limit.values);
  return least === 0 ? undefined : median(values) / least;
}

const HEAD = ['figure', 'unit', 'median', 'min', 'max', 'limit', 'ratio', 'what the limit is'];

/** As a table in Markdown, so that it can be copied into a page. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = [HEAD, HEAD.map(() => '---'), ...figures.map(rowOf)];
  const widths = HEAD.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
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

function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 3);
}
