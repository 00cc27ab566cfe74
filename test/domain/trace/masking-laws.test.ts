import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTracePipeline, type TracePipeline } from '../../../src/domain/trace/pipeline.ts';
import { cut, NOW_MS, optionsOf, textThrough } from './support.ts';

// Few letters, none of `[MASKED]`, so that secrets overlap, repeat and begin each other often.
const letters = (max: number) =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\n', 'é'), minLength: 1, maxLength: max });
const secrets = fc
  .array(letters(6), { minLength: 1, maxLength: 6 })
  .map((texts) => texts.map((text) => text.trim()).filter((text) => text !== ''));
/** Random text with many secrets, and beginnings of secrets, in it. */
const secretsInText = secrets.chain((maskPhrases) =>
  fc.record({
    maskPhrases: fc.constant(maskPhrases),
    text: fc
      .array(fc.oneof(letters(4), fc.constantFrom('', ...maskPhrases)), { maxLength: 12 })
      .map((parts) => parts.join('')),
  }),
);
const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 8 });

/** The meaning of masking in its simplest form: occurrences that share bytes are one. */
function maskSlowly(text: string, phrases: readonly string[]): string {
  const bytes = Buffer.from(text);
  const found: [start: number, end: number][] = [];
  for (const phrase of phrases.map((each) => Buffer.from(each))) {
    for (let at = bytes.indexOf(phrase); at >= 0; at = bytes.indexOf(phrase, at + 1)) {
      found.push([at, at + phrase.length]);
    }
  }
  found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  let masked = '';
  let given = 0;
  for (let i = 0; i < found.length;) {
    const [start] = found[i] ?? [0];
    let end = found[i]?.[1] ?? 0;
    while (++i < found.length && (found[i]?.[0] ?? 0) < end)
      end = Math.max(end, found[i]?.[1] ?? 0);
    masked += `${bytes.toString('latin1', given, start)}[MASKED]`;
    given = end;
  }
  return Buffer.from(masked + bytes.toString('latin1', given), 'latin1').toString();
}

describe('masking', () => {
  it('masks as defined, wherever the text is cut', () => {
    const law = fc.property(secretsInText, sizes, ({ maskPhrases, text }, cuts) => {
      const pieces = cut(Buffer.from(text), cuts);
      const masked = textThrough(optionsOf({ maskPhrases }), pieces);
      assert.equal(masked, maskSlowly(text, maskPhrases));
      for (const phrase of maskPhrases) assert.ok(!masked.includes(phrase));
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  it('continues exactly from a snapshot after every single write', () => {
    const law = fc.property(secretsInText, sizes, ({ maskPhrases, text }, cuts) => {
      const options = optionsOf({ maskPhrases });
      let pipeline = createTracePipeline(options);
      const given: Uint8Array[] = [];
      for (const piece of cut(Buffer.from(text), cuts)) {
        given.push(Uint8Array.from(pipeline.write('stdout', piece, NOW_MS)));
        pipeline = createTracePipeline(options, overJson(pipeline));
      }
      given.push(pipeline.flush('stdout', NOW_MS));
      assert.equal(Buffer.concat(given).toString(), maskSlowly(text, maskPhrases));
    });
    fc.assert(law, { numRuns: 2_000 });
  });

  it('hides phrases that are added while it holds bytes back', () => {
    const pipeline = createTracePipeline(optionsOf({ maskPhrases: ['secret one'] }));
    const given: Uint8Array[] = [pipeline.write('stdout', Buffer.from('secret '), NOW_MS)];
    pipeline.addMaskPhrases(['secret two', '']);
    given.push(Uint8Array.from(pipeline.write('stdout', Buffer.from('two, secret one'), NOW_MS)));
    given.push(pipeline.flush('stdout', NOW_MS));
    assert.equal(Buffer.concat(given).toString(), '[MASKED], [MASKED]');
  });

  it('never combines the streams to one secret', () => {
    const pipeline = createTracePipeline(optionsOf({ maskPhrases: ['secret'] }));
    const write = (stream: 'stdout' | 'runner', text: string): string =>
      Buffer.from(pipeline.write(stream, Buffer.from(text), NOW_MS)).toString();
    assert.equal(write('stdout', 'a sec'), 'a ');
    assert.equal(write('runner', 'line\n'), 'line\n');
    assert.equal(write('stdout', 'ret.'), '[MASKED].');
  });

  it('keeps a token or URL value hidden over a snapshot', () => {
    const options = optionsOf({ tokenPrefixes: ['glpat-'] });
    const text = Buffer.from('glpat-abc x?private_token=d\u3000e &rss_token=fg');
    for (let at = 0; at <= text.length; at++) {
      const first = createTracePipeline(options);
      const head = Uint8Array.from(first.write('stdout', text.subarray(0, at), NOW_MS));
      const second = createTracePipeline(options, overJson(first));
      const tail = second.write('stdout', text.subarray(at), NOW_MS);
      assert.equal(
        Buffer.concat([head, tail]).toString(),
        'glpat-[MASKED] x?private_token=[MASKED]\u3000e &rss_token=[MASKED]',
      );
    }
  });

  it('treats the end of a stream as the end of a token, a URL value and a secret', () => {
    const options = optionsOf({ tokenPrefixes: ['glpat-'], maskPhrases: ['secret'] });
    for (const text of ['glpat-', 'glpat-a', '?rss_token=', '?rss_tok', 'sec']) {
      const pipeline = createTracePipeline(options);
      pipeline.write('stdout', Buffer.from(text), NOW_MS);
      pipeline.flush('stdout', NOW_MS);
      const next = pipeline.write('stdout', Buffer.from('ret en=shown\n'), NOW_MS);
      assert.equal(Buffer.from(next).toString(), 'ret en=shown\n', text);
    }
  });

  it('has no phrase in its snapshot', () => {
    const pipeline = createTracePipeline(optionsOf({ maskPhrases: ['hunter2hunter2'] }));
    pipeline.write('stdout', Buffer.from('hunter2hunter2'), NOW_MS);
    assert.doesNotMatch(JSON.stringify(pipeline.snapshot()), /hunter/);
  });

  it('takes linear time, even for phrases that are chosen to be slow', () => {
    const maskPhrases = [`${'a'.repeat(50_000)}b`, `${'a'.repeat(49_999)}c`, 'a'.repeat(20_000)];
    const text = Buffer.alloc(400_000, 'a');
    const started = process.cpuUsage();
    const pieces = [...cut(text, [1, 7, 64]), Buffer.from('b')];
    assert.equal(textThrough(optionsOf({ maskPhrases }), pieces), '[MASKED]');
    const { user } = process.cpuUsage(started);
    assert.ok(user < 2_000_000, `took ${user} µs; quadratic would be hours`);
  });
});

function overJson(pipeline: TracePipeline): ReturnType<TracePipeline['snapshot']> {
  return JSON.parse(JSON.stringify(pipeline.snapshot())) as ReturnType<TracePipeline['snapshot']>;
}
