import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BUILD_LABEL,
  INSTALLATION_LABEL,
  isOfSameBuild,
  withInstallation,
} from '../../../src/adapters/docker/labels.ts';

const wanted = { [BUILD_LABEL]: 'build/1' };
const cases = [
  [withInstallation(wanted, 'mine'), wanted, true, 'made by an attempt before'],
  [withInstallation(wanted, 'other'), wanted, false, 'of another installation'],
  [withInstallation({ [BUILD_LABEL]: 'build/2' }, 'mine'), wanted, false, 'of another build'],
  [wanted, wanted, false, 'of nobody known'],
  [{}, wanted, false, "somebody else's"],
  [withInstallation({}, 'mine'), {}, false, 'without a build none is the same'],
] as const;
for (const [existing, labels, expected, why] of cases) {
  void test(`${JSON.stringify(existing)} is ${expected ? '' : 'not '}${JSON.stringify(labels)} of mine: ${why}`, () => {
    assert.equal(isOfSameBuild(existing, labels, 'mine'), expected);
  });
}

void test('the label of the installation is added to the others', () => {
  assert.deepEqual(withInstallation({ a: 'b' }, 'mine'), { a: 'b', [INSTALLATION_LABEL]: 'mine' });
});
