import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { headerOf, readCapped } from '../../../src/adapters/http/body.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Both kinds of bodies: that of undici's `request` and that of `fetch`. */
const KINDS: readonly [name: string, make: (body: Readable) => Parameters<typeof readCapped>[0]][] =
  [
    ['a stream of Node', (body) => body],
    ['a stream of fetch', (body) => new Response(body).body],
  ];

for (const [name, make] of KINDS) {
  describe(`a body that is ${name}`, () => {
    it('is read completely up to the limit', async () => {
      const body = Readable.from([Buffer.from('abc'), Buffer.from('def')]);
      const { bytes, ...rest } = await readCapped(make(body), { limitBytes: 6 });
      assert.deepEqual([text(bytes), rest], ['abcdef', { isTooLong: false, fault: undefined }]);
    });

    it('is cut at the limit when it is longer, and its connection is released', async () => {
      const body = Readable.from([Buffer.from('abc'), Buffer.from('def'), Buffer.from('never')]);
      const { bytes, isTooLong, fault } = await readCapped(make(body), { limitBytes: 4 });
      assert.deepEqual([text(bytes), isTooLong], ['abcd', true]);
      assert.match(fault?.message ?? '', /longer than 4 bytes/);
      if (!body.closed) await new Promise((resolve) => body.once('close', resolve));
    });

    it('returns the part that has arrived when it breaks, with the fault', async () => {
      const parts = async function* (): AsyncGenerator<Buffer> {
        yield Buffer.from('abc');
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error('reset');
      };
      const body = Readable.from(parts());
      const { bytes, isTooLong, fault } = await readCapped(make(body), { limitBytes: 99 });
      assert.deepEqual([text(bytes), isTooLong, fault?.message], ['abc', false, 'reset']);
    });

    it('is given up after the time limit when it does not end', async () => {
      const body = new Readable({ read: () => undefined });
      body.push('abc');
      const capped = await readCapped(make(body), { limitBytes: 99, limitMs: 20 });
      assert.equal(text(capped.bytes), 'abc');
      assert.match(capped.fault?.message ?? '', /not complete after 20 ms/);
    });
  });
}

it('an answer without a body is empty', async () => {
  const { bytes, fault } = await readCapped(null, { limitBytes: 1 });
  assert.deepEqual([bytes.byteLength, fault], [0, undefined]);
});

it('the first value of a repeated header counts', () => {
  assert.equal(headerOf({ location: ['a', 'b'] }, 'location'), 'a');
  assert.equal(headerOf({ location: 'a' }, 'location'), 'a');
  assert.equal(headerOf({}, 'location'), null);
});
