const WORDS: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/**
 * A boolean as users write it in CI variables; undefined for any other text. Source: Go
 * `strconv.ParseBool`.
 */
export function parseGoBool(text: string): boolean | undefined {
  return Object.hasOwn(WORDS, text) ? WORDS[text] : undefined;
}
