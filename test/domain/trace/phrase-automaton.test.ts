import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createPhraseAutomaton } from '../../../src/domain/trace/phrase-automaton.ts';

const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 }), {
  maxLength: 8,
});
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 40 });

const longest = (candidates: readonly string[]): number =>
  Math.max(0, ...candidates.map(({ length }) => length));

describe('a phrase automaton', () => {
  it('knows after each byte the longest phrase that ended and the longest that may have begun', () => {
    const law = fc.property(words, texts, (phrases, text) => {
      const automaton = createPhraseAutomaton(phrases.map((phrase) => Buffer.from(phrase)));
      let state = 0;
      for (let end = 1; end <= text.length; end++) {
        const seen = text.slice(0, end);
        state = automaton.next(state, seen.charCodeAt(end - 1));
        const ended = phrases.filter((phrase) => seen.endsWith(phrase));
        const begun = phrases.flatMap((phrase) =>
          Array.from(phrase, (_, i) => phrase.slice(0, i + 1)).filter((part) =>
            seen.endsWith(part),
          ),
        );
        assert.equal(automaton.matchLengths[state], longest(ended));
        assert.equal(automaton.depths[state], longest(begun));
        const path = Buffer.from(automaton.pathTo(state)).toString();
        assert.equal(path, seen.slice(end - longest(begun)));
      }
    });
    fc.assert(law, { numRuns: 2_000 });
  });

  it('is built quickly for phrases of a megabyte', () => {
    const started = process.cpuUsage();
    const phrases = ['a', 'b'].map((last) => Buffer.from(`${'a'.repeat(1_000_000)}${last}`));
    const automaton = createPhraseAutomaton([...phrases, Buffer.alloc(1_000_000, 7)]);
    let state = 0;
    for (const byte of phrases[1] ?? []) state = automaton.next(state, byte);
    assert.equal(automaton.matchLengths[state], 1_000_001);
    assert.ok(process.cpuUsage(started).user < 3_000_000);
  });
});
