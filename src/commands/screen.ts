import type { Terminal } from './context.ts';

/** Shows texts one after another in the same place of a terminal. */
export interface Screen {
  show(text: string): void;
  /** Keeps the last text on the screen, and restores the terminal. Idempotent. */
  close(): void;
}

const USUAL_ROWS = 24;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
// A wrapped line would take two rows, and the next text would begin one row too low.
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/**
 * Opens the screen. It does not switch to the terminal's alternate screen, so that people can still
 * read the last text afterwards.
 */
export function openScreen(terminal: Terminal): Screen {
  let shown: string | undefined;
  let shownRows = 0;
  let isOpen = true;
  return {
    show: (text) => {
      if (!isOpen || text === shown) return;
      const lines = cutLines(text, (terminal.rows ?? USUAL_ROWS) - 1);
      const up = shownRows === 0 ? '' : `\u001b[${shownRows}A`;
      const begin = `${shown === undefined ? HIDE_CURSOR : ''}${up}\r${NO_WRAP}`;
      const body = lines.map((line) => `${line}${CLEAR_LINE}\n`).join('');
      terminal.write(`${begin}${body}${CLEAR_BELOW}${WRAP}`);
      [shown, shownRows] = [text, lines.length];
    },
    close: () => {
      if (isOpen && shown !== undefined) terminal.write(SHOW_CURSOR);
      isOpen = false;
    },
  };
}

/**
 * Cuts the text to the terminal's height, because the cursor cannot be moved above the first row.
 */
function cutLines(text: string, maxRows: number): readonly string[] {
  const lines = text.replace(/\n$/, '').split('\n');
  if (lines.length <= maxRows) return lines;
  const kept = lines.slice(0, Math.max(0, maxRows - 1));
  return [...kept, `… and ${lines.length - kept.length} lines more`];
}
