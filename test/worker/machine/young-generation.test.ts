import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { boundYoungGenerationOfThreads } from '../../../src/worker/machine/young-generation.ts';

/** Allocates many objects that live for a while, and prints how many bytes the heap keeps for them. */
const BUSY = `
const kept = [];
for (let index = 0; index < 2e6; index += 1) kept[index % 200_000] = { index, list: [index] };
const { space_size } = require('node:v8')
  .getHeapSpaceStatistics()
  .find(({ space_name }) => space_name === 'new_space');
require('node:worker_threads').parentPort.postMessage(space_size);
`;

async function youngGenerationOf(): Promise<number> {
  const thread = new Worker(BUSY, { eval: true });
  const [bytes] = (await once(thread, 'message')) as [number];
  await thread.terminate();
  return bytes;
}

it('threads keep little memory for short-lived objects once that memory is bounded', async () => {
  const boundBytes = 9e6;
  assert.ok((await youngGenerationOf()) > boundBytes, 'what V8 keeps by itself');
  boundYoungGenerationOfThreads();
  assert.ok((await youngGenerationOf()) < boundBytes);
});
