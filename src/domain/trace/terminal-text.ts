/** Takes text in pieces of any size and returns the part that a terminal may get. */
export type TerminalFilter = (text: string) => string;

type Place = 'text' | 'escape' | 'csi' | 'string' | 'string-escape';

interface State {
  place: Place;
  /** Parameters of a control sequence so far. */
  parameters: string;
}

const [ESC, CSI, NEWLINE] = ['\u001b', '\u009b', '\n'];
/**
 * The characters that begin a device control, start of string, system command, privacy message or
 * program command, after an ESC. Each also exists as one character of eight bits.
 */
const STRINGS_AFTER_ESC = new Set(['P', 'X', ']', '^', '_']);
const STRINGS = new Set(['\u0090', '\u0098', '\u009d', '\u009e', '\u009f']);
/**
 * BEL, CAN, SUB and ST end a string. A line end does too, because otherwise a job could hide the
 * rest of its log.
 */
const STRING_ENDS = new Set(['\u0007', '\u0018', '\u001a', '\u009c']);
const HARMLESS_CONTROLS = new Set(['\t', '\r', NEWLINE]);
const MAX_PARAMETERS = 64;

/**
 * Creates a filter. It passes colours (SGR), `\r`, and erasing within a line, which logs and
 * GitLab's section markers need. It removes everything else that a job could do to the terminal of
 * the person who reads its log: titles, clipboard and links (OSC), queries that the terminal
 * answers as if somebody had typed, movements of the cursor, modes, character sets.
 * **Source:** ECMA-48, and xterm's control sequences.
 */
export function createTerminalFilter(): TerminalFilter {
  const state: State = { place: 'text', parameters: '' };
  return (text) => {
    let passed = '';
    for (const char of text) passed += STEPS[state.place](char, state);
    return passed;
  };
}

const STEPS: Readonly<Record<Place, (char: string, state: State) => string>> = {
  text: stepInText,
  escape: stepAfterEscape,
  csi: stepInSequence,
  string: stepInString,
  'string-escape': (char, state) => {
    if (char !== '\\') return stepAfterEscape(char, state);
    state.place = 'text';
    return '';
  },
};

function stepInText(char: string, state: State): string {
  state.place = 'text';
  if (char === ESC) state.place = 'escape';
  else if (char === CSI) enterSequence(state);
  else if (STRINGS.has(char)) state.place = 'string';
  else if (HARMLESS_CONTROLS.has(char) || !/\p{Cc}/u.test(char)) return char;
  return '';
}

function enterSequence(state: State): void {
  state.place = 'csi';
  state.parameters = '';
}

function stepAfterEscape(char: string, state: State): string {
  if (char === '[') enterSequence(state);
  else if (STRINGS_AFTER_ESC.has(char)) state.place = 'string';
  else if (isWithin(char, ' ', '/')) state.place = 'escape';
  else if (isWithin(char, '0', '~')) state.place = 'text';
  else return stepInText(char, state);
  return '';
}

function stepInSequence(char: string, state: State): string {
  if (isWithin(char, ' ', '?')) {
    if (state.parameters.length < MAX_PARAMETERS) state.parameters += char;
    return '';
  }
  if (!isWithin(char, '@', '~')) return stepInText(char, state);
  state.place = 'text';
  return isHarmless(state.parameters, char) ? `${ESC}[${state.parameters}${char}` : '';
}

function stepInString(char: string, state: State): string {
  if (char === NEWLINE) return stepInText(char, state);
  if (char === ESC) state.place = 'string-escape';
  else if (STRING_ENDS.has(char)) state.place = 'text';
  return '';
}

/** Whether a control sequence only changes colours or erases within a line. */
function isHarmless(parameters: string, end: string): boolean {
  if (parameters.length >= MAX_PARAMETERS) return false;
  if (end === 'm') return /^[\d;:]*$/.test(parameters);
  return end === 'K' && /^[012]?$/.test(parameters);
}

function isWithin(char: string, first: string, last: string): boolean {
  return char >= first && char <= last;
}
