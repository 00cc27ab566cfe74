import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROJECT, upload, type UploadOptions } from '../artifacts/support.ts';
import { archiveOf } from '../support/fake-files.ts';

const LIST = `${PROJECT}.tmp/.glr.untracked`;
const MADE = { made: '1', 'lib/x': '2', tracked: '3' };

/** Uploads what git does not track, as the helper has listed it. */
function uploadUntracked(options: UploadOptions) {
  return upload({ artifacts: [{ paths: [], untracked: true }], ...options });
}

describe('the names that the helper lists', () => {
  it('are those of the files that are taken', async () => {
    const files = { ...MADE, [LIST]: 'made\0./lib/x\0' };
    const { outcome, uploads } = await uploadUntracked({ files });
    assert.deepEqual(outcome, { kind: 'succeeded' });
    assert.deepEqual(
      uploads.map(({ text }) => text),
      [archiveOf({ 'lib/x': '2', made: '1' })],
    );
  });

  it('are none when git could not tell', async () => {
    const { outcome, uploads } = await uploadUntracked({ files: MADE });
    assert.deepEqual([outcome, uploads], [{ kind: 'succeeded' }, []]);
  });

  it('are none where a link lies in the place of the list', async () => {
    const files = { ...MADE, [LIST]: { leadsTo: `${PROJECT}/made` } };
    const { outcome, uploads } = await uploadUntracked({ files });
    assert.deepEqual([outcome, uploads], [{ kind: 'succeeded' }, []]);
  });

  it('are done without where they take too long a list: patterns are matched against all files', async () => {
    const list = `${PROJECT}.tmp/.glr.found`;
    const files = { ...MADE, [list]: `./lib/x\0${'y'.repeat(64 * 1024 * 1024)}\0` };
    const artifacts = [{ paths: ['**/x'] }];
    const { outcome, uploads } = await upload({ artifacts, files });
    assert.deepEqual(outcome, { kind: 'succeeded' });
    assert.deepEqual(
      uploads.map(({ text }) => text),
      [archiveOf({ 'lib/x': '2' })],
    );
  });

  it('end the stage when listing them fails: nothing is sent', async () => {
    const files = { ...MADE, [LIST]: 'made\0' };
    const { outcome, uploads } = await uploadUntracked({ files, listing: { exitCode: 2 } });
    assert.deepEqual([outcome, uploads], [{ kind: 'script_failed', exitCode: 2 }, []]);
  });
});
