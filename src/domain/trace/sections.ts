import { BOLD_GREEN, BOLD_RED, CLEAR_LINE, RESET, YELLOW } from '../colours.ts';

/** The style of a line of the runner: white, bold green, yellow `WARNING: `, bold red `ERROR: `. */
export type RunnerLineLevel = 'plain' | 'info' | 'warning' | 'error';

const PREFIXES: Readonly<Record<RunnerLineLevel, string>> = {
  plain: CLEAR_LINE,
  info: BOLD_GREEN,
  warning: `${YELLOW}WARNING: `,
  error: `${BOLD_RED}ERROR: `,
};

/**
 * Formats one line of the runner with its colour and line end. It is not masked yet. Source:
 * gitlab-runner `common/buildlogger/internal/tee.go`, `helpers/ansi_colors.go`.
 */
export function formatRunnerLine(level: RunnerLineLevel, text: string): string {
  return `${PREFIXES[level]}${text}${RESET}\n`;
}

/**
 * Formats the marker that opens a collapsible section of the trace, without a line end, because the
 * title follows. Empty when the coordinator does not support sections. Source: gitlab-runner
 * `helpers/build_section.go`.
 */
export function formatSectionStart(name: string, nowMs: number, hasSections: boolean): string {
  return hasSections ? formatMarker('section_start', name, nowMs) : '';
}

/** Formats the marker that closes a section; see {@link formatSectionStart}. */
export function formatSectionEnd(name: string, nowMs: number, hasSections: boolean): string {
  return hasSections ? formatMarker('section_end', name, nowMs) : '';
}

/**
 * Splits a text of the runner after each section marker. When they are written one by one, each
 * marker gets its own physical line in a trace with timestamps, as in gitlab-runner.
 */
export function splitAtSectionMarkers(text: string): readonly string[] {
  return text.split(/(?<=section_(?:start|end):\d+:[^\r\n]{1,255}\r\u001b\[0K)/).filter(Boolean);
}

function formatMarker(kind: 'section_start' | 'section_end', name: string, nowMs: number): string {
  return `${kind}:${Math.floor(nowMs / 1000)}:${name}\r${CLEAR_LINE}`;
}
