import { matchLength, parseShellPattern, type ShellPattern } from './shell-pattern.ts';
import { spendLength, spendSteps, type ShellReader } from './shell-reader.ts';

/** The characters of a value. Costs steps: a value may have a megabyte, and may be used often. */
export function charsOf(reader: ShellReader, value: string): string[] {
  spendSteps(reader, value.length >> 3);
  return Array.from(value);
}

/** `${X#p}`, `${X##p}`, `${X%p}`, `${X%%p}`. A malformed pattern leaves the value unchanged. */
export function removePattern(
  reader: ShellReader,
  value: string,
  { operator, pattern: text }: { readonly operator: string; readonly pattern: string },
): string {
  const pattern = parseShellPattern(reader, text);
  if (pattern === undefined) return value;
  const isShortest = operator.length === 1;
  const chars = charsOf(reader, value);
  if (operator.startsWith('%')) {
    const length = suffixLength(reader, [...pattern].reverse(), { chars, isShortest });
    return chars.slice(0, chars.length - length).join('');
  }
  const length = matchLength(reader, pattern, { chars, start: 0, isShortest }) ?? 0;
  return chars.slice(length).join('');
}

/**
 * How many characters at the end match a pattern that is given from its end on. As in
 * gitlab-runner, the shortest suffix begins on the line on which the longest one begins.
 */
function suffixLength(
  reader: ShellReader,
  reversed: ShellPattern,
  { chars, isShortest }: { readonly chars: readonly string[]; readonly isShortest: boolean },
): number {
  const place = { chars: [...chars].reverse(), start: 0 };
  const isLongest = !isShortest || chars.includes('\n');
  const length = matchLength(reader, reversed, { ...place, isShortest: !isLongest }) ?? 0;
  if (!isShortest || !isLongest) return length;
  const lineEnd = chars.indexOf('\n', chars.length - length);
  const atLeast = lineEnd === -1 ? 0 : chars.length - lineEnd;
  return matchLength(reader, reversed, { ...place, isShortest, atLeast }) ?? 0;
}

/**
 * `${X/p/r}` and `${X//p/r}`: replaces the first match or every match, each as long as possible.
 */
export function replacePattern(
  reader: ShellReader,
  value: string,
  options: { readonly pattern: string; readonly replacement: string; readonly isAll: boolean },
): string {
  const pattern = parseShellPattern(reader, options.pattern);
  if (pattern === undefined || options.pattern === '') return value;
  const chars = charsOf(reader, value);
  const pieces: string[] = [];
  let start = 0;
  while (start < chars.length || (start === 0 && chars.length === 0)) {
    spendSteps(reader, 1);
    const length = matchLength(reader, pattern, { chars, start, isShortest: false });
    if (length === undefined) {
      pieces.push(chars[start] ?? '');
      start += 1;
      continue;
    }
    pieces.push(spendLength(reader, options.replacement));
    start += Math.max(length, 1);
    if (!options.isAll) break;
  }
  return pieces.join('') + chars.slice(start).join('');
}

/** `${X^p}`, `${X^^p}`, `${X,p}`, `${X,,p}`. An empty pattern matches any character. */
export function changeCase(
  reader: ShellReader,
  value: string,
  { operator, pattern: text }: { readonly operator: string; readonly pattern: string },
): string {
  const pattern = parseShellPattern(reader, text === '' ? '?' : text);
  if (pattern === undefined) return value;
  const isAll = operator.length === 2;
  const change = (char: string): string => {
    const changed = operator.startsWith('^') ? char.toUpperCase() : char.toLowerCase();
    return Array.from(changed).length === 1 ? changed : char;
  };
  const [isWanted = () => true, ...others] = pattern.filter((part) => part !== undefined);
  // One character never matches a pattern for several.
  if (others.length > 0) return value;
  let isDone = false;
  return Array.from(charsOf(reader, value), (char) => {
    if (isDone || !isWanted(char)) return char;
    isDone = !isAll;
    return change(char);
  }).join('');
}

/**
 * `${X:offset:length}`: negative numbers count from the end. As in gitlab-runner, the numbers count
 * bytes of UTF-8; what remains of a character that is cut becomes U+FFFD.
 */
export function slice(
  reader: ShellReader,
  value: string,
  { offset, length }: { readonly offset: bigint; readonly length: bigint | undefined },
): string {
  spendSteps(reader, value.length >> 3);
  const bytes = new TextEncoder().encode(value);
  const tail = bytes.subarray(placeIn(bytes.length, offset));
  const part = length === undefined ? tail : tail.subarray(0, placeIn(tail.length, length));
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(part);
}

/**
 * Converts a place to an index. As in gitlab-runner, a place before the beginning counts as the
 * end.
 */
function placeIn(size: number, place: bigint): number {
  const at = place < 0n ? BigInt(size) + place : place;
  return at < 0n || at > BigInt(size) ? size : Number(at);
}
