// Escape sequences of the lines in a trace. Source: gitlab-runner `helpers/ansi_colors.go`.

export const BOLD_RED = '\u001b[31;1m';
export const BOLD_GREEN = '\u001b[32;1m';
export const BOLD_YELLOW = '\u001b[33;1m';
export const BOLD_CYAN = '\u001b[36;1m';
export const YELLOW = '\u001b[0;33m';
export const GREY = '\u001b[0;37m';
export const RESET = '\u001b[0;m';
export const CLEAR_LINE = '\u001b[0K';
