import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { warnOnFailure, type CacheContext } from '../../../src/activities/cache/cache-context.ts';
import { TransientError, type FaultFacts } from '../../../src/domain/failure.ts';

/** Counts the tries of a cache that always fails like this, until it is given up. */
async function countTries(facts: FaultFacts): Promise<{ tries: number; said: string[] }> {
  const notes = new Map<string, unknown>();
  const said: string[] = [];
  const context = {
    build: {
      context: { buildId: 'build/x/1' },
      trace: { appendOnce: (_key: string, text: string) => Promise.resolve(said.push(text)) },
    },
    ports: {
      builds: {
        readNote: (_build: string, name: string) => Promise.resolve(notes.get(name)),
        writeNote: (_build: string, name: string, value: unknown) =>
          Promise.resolve(void notes.set(name, value)),
      },
      digests: { sha256Hex: (text: string) => text },
    },
    signal: new AbortController().signal,
    key: 'archive_cache/0',
  } as unknown as CacheContext;
  const fault = new TransientError('connect ECONNREFUSED', facts);
  for (let tries = 1; ; tries += 1) {
    const outcome = await warnOnFailure(context, () => Promise.reject(fault)).catch(
      (error: unknown) => error,
    );
    if (outcome === false) return { tries, said };
    assert.equal(outcome, fault);
  }
}

void describe('a cache that Docker fails', () => {
  void it('is given up after five answers with a fault', async () => {
    const { tries, said } = await countTries({ from: 'docker', status: 500 });
    assert.equal(tries, 5);
    assert.match(said.join(''), /connect ECONNREFUSED/);
  });

  void it('is waited for longer while Docker gives no answer', async () => {
    assert.equal((await countTries({ from: 'docker' })).tries, 20);
  });
});
