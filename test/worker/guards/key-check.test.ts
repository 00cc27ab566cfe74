import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkKeys } from '../../../src/worker/guards/key-check.ts';
import { recordingLog } from '../../support/recording-log.ts';

const OWN = ['feed-runners/here', 'serve-runner/here/one'];

/** Checks keys against data that they open and data that other keys have encrypted. */
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

describe('a node that checks its keys', () => {
  const refused: readonly [
    open: readonly string[],
    foreign: readonly string[],
    named: string,
    why: string,
  ][] = [
    [OWN, ['feed-runners/here'], 'feed-runners/here', 'it could not request jobs'],
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
      'it would have to take over builds of a fleet with other keys',
    ],
  ];
  for (const [open, foreign, named, why] of refused) {
    it(`refuses to start without the key of ${named}: ${why}`, async () => {
      await assert.rejects(check(open, foreign), (error: Error) => {
        for (const part of [named, '"old"', '/state/keys/payload.json', 'Nothing was begun'])
          assert.ok(error.message.includes(part), error.message);
        return true;
      });
    });
  }

  const started: readonly [open: readonly string[], foreign: readonly string[], why: string][] = [
    [[], [], 'nothing is encrypted yet'],
    [[...OWN, 'feed-runners/there'], [], 'all nodes have the same keys'],
  ];
  for (const [open, foreign, why] of started) {
    it(`starts without a warning: ${why}`, async () => {
      assert.equal(await check(open, foreign), '');
    });
  }

  it('starts although one of several other nodes had other keys: that node may be gone for ever', async () => {
    const gone = 'feed-runners/gone';
    const said = await check([...OWN, gone, 'feed-runners/there'], [gone]);
    assert.match(said, /keys of another node are not here: .*feed-runners\/gone.*old/);
    assert.doesNotMatch(said, /there/);
  });
});
