// Escape sequences of the lines in a trace. Source: gitlab-runner `helpers/ansi_colors.go`.

/** Begins an error. */
export const BOLD_RED = '\u001b[31;1m';
/** Begins what the runner tells a person. */
export const BOLD_GREEN = '\u001b[32;1m';
/** Begins the end of a log that has reached its limit. */
export const BOLD_YELLOW = '\u001b[33;1m';
/** Begins the title of a stage. */
export const BOLD_CYAN = '\u001b[36;1m';
/** Begins a warning. */
export const YELLOW = '\u001b[0;33m';
/** Begins a line of a service's log. */
export const GREY = '\u001b[0;37m';
/** Ends each of the colours. */
export const RESET = '\u001b[0;m';
/** Clears the rest of the line, which hides the markers of a section. */
export const CLEAR_LINE = '\u001b[0K';
