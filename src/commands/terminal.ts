import type { CommandIo } from './context.ts';

const SGR = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

export type Colour = keyof typeof SGR;

/** Colours a text, or leaves it as it is. */
export type Paint = (colour: Colour | undefined, text: string) => string;

/** How a text for people is formatted. */
export interface View {
  readonly paint: Paint;
  readonly nowMs: number;
}

/**
 * Creates a paint with colours for a terminal that has them, unless `NO_COLOR` is set; without
 * colours for pipes and files.
 */
export function createPaint({ stdout, env }: Pick<CommandIo, 'stdout' | 'env'>): Paint {
  const isColoured =
    stdout.isTTY === true && stdout.hasColors?.() === true && (env['NO_COLOR'] ?? '') === '';
  return (colour, text) =>
    isColoured && colour !== undefined && text !== ''
      ? `\u001b[${SGR[colour]}m${text}\u001b[0m`
      : text;
}

/** A cell of a table: its text, or its text in a colour. */
export type Cell = string | { readonly text: string; readonly colour: Colour | undefined };

/**
 * Removes control characters, because a name that people have chosen must not control the terminal.
 */
export function cleanText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');
}

/** Formats a table whose columns are as wide as their longest cell. The first row is the head. */
export function formatTable(rows: readonly (readonly Cell[])[], paint: Paint): string {
  const cells = rows.map((row) =>
    row.map((cell) => {
      const { text, colour } = typeof cell === 'string' ? { text: cell, colour: undefined } : cell;
      return { text: cleanText(text), colour };
    }),
  );
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => (row[column]?.text ?? '').length)),
  );
  const formatRow = (row: (typeof cells)[number], isHead: boolean): string =>
    row
      .map(({ text, colour }, column) => {
        const gap = column === row.length - 1 ? 0 : (widths[column] ?? 0) - text.length;
        return paint(isHead ? 'bold' : colour, text) + ' '.repeat(gap);
      })
      .join('  ')
      .trimEnd();
  return cells.map((row, index) => `${formatRow(row, index === 0)}\n`).join('');
}
