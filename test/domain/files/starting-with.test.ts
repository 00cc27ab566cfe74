import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startingWith } from '../../../src/domain/files/starting-with.ts';

async function* numbers(closed: () => void) {
  try {
    yield 2;
    yield 3;
  } finally {
    closed();
  }
}

describe('a sequence whose first item was read', () => {
  it('is whole again', async () => {
    const seen: number[] = [];
    for await (const one of startingWith(
      1,
      numbers(() => undefined),
    ))
      seen.push(one);
    assert.deepEqual(seen, [1, 2, 3]);
  });

  it('is closed when the reader leaves at the first item', async () => {
    let isClosed = false;
    const rest = numbers(() => (isClosed = true));
    await rest.next();
    for await (const one of startingWith(1, rest)) {
      assert.equal(one, 1);
      break;
    }
    assert.equal(isClosed, true);
  });
});
