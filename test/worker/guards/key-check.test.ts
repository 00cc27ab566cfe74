import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkKeys } from '../../../src/worker/guards/key-check.ts';
import { recordingLog } from '../../support/recording-log.ts';

const OWN = ['feed-runners/here', 'serve-runner/here/one'];

/** Of what is there, what another key has sealed. */
async function check(open: readonly string[], foreign: readonly string[]): Promise<string> {
  const { log, said } = recordingLog();
  await checkKeys({
    keyRingFile: '/state/keys/payload.json',
    ownIds: OWN,
    log,
    histories: {
      findObstacle: (id) =>
        Promise.resolve(foreign.includes(id) ? 'encrypted with key "old"' : undefined),
      listOpen: () => Promise.resolve(open.filter((id) => id.startsWith('feed-runners/'))),
    },
  });
  return said.map(({ message, fields }) => `${message}: ${JSON.stringify(fields)}`).join('\n');
}

describe('a node that looks for its keys', () => {
  const refused: readonly [
    open: readonly string[],
    foreign: readonly string[],
    named: string,
    why: string,
  ][] = [
    [OWN, ['feed-runners/here'], 'feed-runners/here', 'it could not even ask for jobs'],
    [
      OWN,
      ['serve-runner/here/one'],
      'serve-runner/here/one',
      'one of its runners would stand still',
    ],
    [
      ['feed-runners/there'],
      ['feed-runners/there'],
      'feed-runners/there',
      'it would be asked to go on with the builds of a fleet that has other keys',
    ],
  ];
  for (const [open, foreign, named, why] of refused) {
    it(`refuses to start without that of ${named}: ${why}`, async () => {
      await assert.rejects(check(open, foreign), (error: Error) => {
        for (const part of [named, '"old"', '/state/keys/payload.json', 'Nothing was begun'])
          assert.ok(error.message.includes(part), error.message);
        return true;
      });
    });
  }

  const started: readonly [open: readonly string[], foreign: readonly string[], why: string][] = [
    [[], [], 'nothing is sealed yet'],
    [[...OWN, 'feed-runners/there'], [], 'all nodes have the same keys'],
  ];
  for (const [open, foreign, why] of started) {
    it(`starts without a word: ${why}`, async () => {
      assert.equal(await check(open, foreign), '');
    });
  }

  it('starts though one of several other nodes had other keys: it may be gone for ever', async () => {
    const gone = 'feed-runners/gone';
    const said = await check([...OWN, gone, 'feed-runners/there'], [gone]);
    assert.match(said, /keys of another node are not here: .*feed-runners\/gone.*old/);
    assert.doesNotMatch(said, /there/);
  });
});
