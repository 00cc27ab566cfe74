import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROJECT, upload, type UploadOptions } from './support.ts';

const inProject = (path: string) => ({ leadsTo: `${PROJECT}/${path}` });

type Files = UploadOptions['files'] & object;

/** The text that GitLab gets for a raw `out/`. Undefined when nothing is sent. */
async function sentOf(files: Files): Promise<string | undefined> {
  const { uploads } = await upload({ artifacts: [{ artifact_format: 'raw' }], files });
  return uploads[0]?.text;
}

describe('a link among raw artifacts', () => {
  const cases: [why: string, files: Files, sent: string][] = [
    [
      'to a file of the project is sent as that file',
      { 'out/report': inProject('real/report'), 'real/report': 'figures' },
      'figures',
    ],
    [
      'to a file outside of the project is not followed',
      { 'out/passwd': { leadsTo: '/etc/passwd' }, '/etc/passwd': 'root' },
      '',
    ],
    [
      'to a file beside the project, whose name begins in the same way, is not followed',
      { 'out/other': { leadsTo: `${PROJECT}-other` }, [`${PROJECT}-other`]: 'of others' },
      '',
    ],
    ['to the project itself is not followed', { 'out/all': { leadsTo: PROJECT }, a: 'a' }, ''],
    [
      'to a directory is not followed',
      { 'out/lib': inProject('lib'), lib: { isDirectory: true }, 'lib/a': 'a' },
      '',
    ],
    ['to nothing is not followed', { 'out/gone': inProject('gone') }, ''],
    ['in a circle is not followed', { 'out/round': { leadsTo: '' } }, ''],
  ];
  for (const [why, files, sent] of cases) {
    it(why, async () => assert.equal(await sentOf(files), sent));
  }

  it('is read after the other files, because Docker answers one read at a time', async () => {
    const files = { 'out/1': inProject('real'), 'out/2': 'second', real: 'first' };
    assert.equal(await sentOf(files), 'secondfirst');
  });
});
