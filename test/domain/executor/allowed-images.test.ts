import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertAllowedImage,
  mayBePrivileged,
} from '../../../src/domain/executor/allowed-images.ts';
import { FinalError } from '../../../src/domain/failure.ts';

const cases: [image: string, allowed: string[], isAllowed: boolean, why: string][] = [
  ['postgres:15', [], true, 'nothing is listed, so nothing is forbidden'],
  ['postgres:15', ['postgres:*'], true, 'the pattern covers the tag'],
  ['postgres', ['postgres:*'], false, 'the name is taken as written, without a tag put in'],
  ['evil/postgres:15', ['postgres:*'], false, 'a pattern covers the whole name'],
  ['registry.example.com/group/app/db:1', ['registry.example.com/**'], true, '** covers parts'],
  ['registry.example.com/group/db:1', ['registry.example.com/*'], false, '* stays in its part'],
  ['mysql:8', ['redis:*', 'mysql:*'], true, 'one of several is enough'],
  ['mysql:8', ['{redis,mysql}:[0-9]'], true, 'alternatives and classes'],
  ['mysql:8', ['mysql:[8'], false, 'a pattern with a typing error opens nothing'],
  ['', ['*'], true, 'an empty name is for somebody else to refuse'],
];

describe('allowed images', () => {
  for (const [image, allowed, isAllowed, why] of cases) {
    it(`${isAllowed ? 'let' : 'refuse'} ${image} by [${allowed.join(' ')}]: ${why}`, () => {
      const ask = (): void => {
        assertAllowedImage({ image, key: 'allowed_services', allowed, configured: [] });
      };
      if (isAllowed) assert.doesNotThrow(ask);
      else assert.throws(ask, FinalError);
    });
  }

  it('always include images of the configuration itself', () => {
    const question = {
      key: 'allowed_images',
      allowed: ['ruby:*'],
      configured: ['alpine'],
    } as const;
    assert.doesNotThrow(() => assertAllowedImage({ ...question, image: 'alpine' }));
    assert.throws(() => assertAllowedImage({ ...question, image: 'alpine:3' }), FinalError);
  });

  it('are named, with the key to change, when an image is refused', () => {
    assert.throws(
      () =>
        assertAllowedImage({
          ...{ image: 'mysql:8', key: 'allowed_services', configured: [] },
          allowed: ['redis:*', 'postgres:*'],
        }),
      /"mysql:8" image is not present on list of allowed services: "redis:\*", "postgres:\*"; .*allowed_services/,
    );
  });
});

describe('images of privileged containers', () => {
  it('are all images unless some are listed', () => {
    assert.equal(mayBePrivileged('docker:dind', []), true);
    assert.equal(mayBePrivileged('docker:dind', ['docker:*']), true);
    assert.equal(mayBePrivileged('ruby:3', ['docker:*']), false);
  });
});
