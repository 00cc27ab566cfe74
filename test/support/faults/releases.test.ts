import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { LATER_RELEASE } from './releases.ts';

it('the sources still say what the releases of the upgrade tests change', async () => {
  for (const { file, find } of LATER_RELEASE) {
    const text = await readFile(new URL(`../../../src/${file}`, import.meta.url), 'utf8');
    assert.ok(text.includes(find), `${file} does not say ${find}`);
  }
});
