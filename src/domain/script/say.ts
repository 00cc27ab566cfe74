import { BOLD_GREEN, BOLD_RED, RESET, YELLOW } from '../colours.ts';
import { quote } from './quote.ts';

/** Script line that prints a text literally. `echo` interprets backslashes in some shells. */
export function sayPlain(text: string): string {
  return `printf '%s\\n' ${quote(text)}`;
}

/**
 * Script line that reports progress, in bold green. Source: gitlab-runner `shells/bash.go`
 * (Noticef).
 */
export function sayNotice(text: string): string {
  return sayPlain(formatNotice(text));
}

/** Script line that warns of a fault without consequences, in yellow. */
export function sayWarning(text: string): string {
  return sayPlain(`${YELLOW}WARNING: ${text}${RESET}`);
}

/** Returns script lines that fail the stage and print the reason in bold red. */
export function failWith(text: string): readonly string[] {
  return [sayPlain(`${BOLD_RED}ERROR: ${text}${RESET}`), 'exit 1'];
}

/** Colours the text of a notice. */
export function formatNotice(text: string): string {
  return `${BOLD_GREEN}${text}${RESET}`;
}
