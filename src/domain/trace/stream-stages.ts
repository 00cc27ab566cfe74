import { concatBytes } from '../join-bytes.ts';
import type { ByteTools } from './byte-tools.ts';
import { createLineStamps, type LineStampsState } from './line-stamps.ts';
import type { PhraseAutomaton } from './phrase-automaton.ts';
import { createPhraseMask, type PhraseMaskState } from './phrase-mask.ts';
import { createTokenMask } from './token-mask.ts';
import { createUrlMask, type LookBackState } from './url-mask.ts';
import { createUtf8Repair } from './utf8-repair.ts';

/** The state with which one stream continues. */
export interface StreamState {
  readonly phrases: PhraseMaskState;
  readonly urls: LookBackState;
  readonly tokens: LookBackState;
  /** The beginning of a multi-byte character, as base64. */
  readonly character: string;
  readonly lines: LineStampsState;
}

/** The options that all streams of a trace share, and the stamp of this one. */
export interface StreamOptions {
  readonly phrases: PhraseAutomaton;
  readonly tokenPrefixes: PhraseAutomaton;
  /** Two hex digits and `O` or `E`; undefined when lines get no stamps. */
  readonly stamp: string | undefined;
  /**
   * True: the stream is one text from the first stage to the last, so its lines continue after a
   * flush.
   */
  readonly goesOn: boolean;
  readonly tools: ByteTools;
}

/** The processing of a single stream. */
export interface StreamStages {
  write(bytes: Uint8Array, nowMs: number): Uint8Array;
  flush(nowMs: number): Uint8Array;
  /** From now on hides the phrases of another automaton, also in bytes that are held back. */
  setPhrases(phrases: PhraseAutomaton): void;
  snapshot(): StreamState;
}

/**
 * Masks phrases, then URL parameters, then tokens, as gitlab-runner does. Unlike in gitlab-runner,
 * UTF-8 is repaired before lines are stamped, so that breaking a long line never splits a
 * character. Source: gitlab-runner `common/buildlogger/build_logger.go` (wrap),
 * `helpers/trace/buffer.go`.
 */
export function createStreamStages(options: StreamOptions, before?: StreamState): StreamStages {
  const { tools } = options;
  let phrases = createPhraseMask(options.phrases, before?.phrases, tools);
  const urls = createUrlMask(before?.urls, tools);
  const tokens = createTokenMask(options.tokenPrefixes, before?.tokens, tools);
  const characters = createUtf8Repair(before?.character, tools);
  const lines = createLineStamps(options.stamp ?? '', before?.lines, tools);
  const hasStamps = options.stamp !== undefined;

  const refine = (bytes: Uint8Array): Uint8Array =>
    characters.write(tokens.write(urls.write(bytes)));
  const stampLines = (bytes: Uint8Array, nowMs: number): Uint8Array =>
    hasStamps ? lines.write(bytes, nowMs) : bytes;

  return {
    write: (bytes, nowMs) => stampLines(refine(phrases.write(bytes)), nowMs),
    flush: (nowMs) => {
      const text = concatBytes(refine(phrases.flush()), characters.flush());
      urls.reset();
      tokens.reset();
      return concatBytes(stampLines(text, nowMs), lines.flush(options.goesOn));
    },
    setPhrases: (automaton) => {
      phrases = createPhraseMask(automaton, phrases.snapshot(), tools);
    },
    snapshot: () => ({
      phrases: phrases.snapshot(),
      urls: urls.snapshot(),
      tokens: tokens.snapshot(),
      character: characters.snapshot(),
      lines: lines.snapshot(),
    }),
  };
}
