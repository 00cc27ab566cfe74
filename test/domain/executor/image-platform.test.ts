import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isForPlatform } from '../../../src/domain/executor/image-platform.ts';

const amd = { os: 'linux', architecture: 'amd64' };
const arm = { os: 'linux', architecture: 'arm64' };
const cases = [
  [amd, 'linux/amd64', true, 'as written'],
  [amd, 'Linux/AMD64', true, 'Docker reads it in lower case'],
  [amd, 'linux/x86_64', true, 'the name of the kernel'],
  [amd, 'linux/x86-64', true, 'the same with a hyphen'],
  [amd, 'amd64', true, 'an architecture alone'],
  [amd, 'linux', true, 'an operating system alone'],
  [amd, 'windows', false, 'another operating system'],
  [amd, 'windows/amd64', false, 'another operating system of the same architecture'],
  [amd, 'linux/s390x', false, 'another architecture'],
  [amd, 'linux/arm64', false, 'another architecture'],
  [amd, 'arm64', false, 'another architecture alone'],
  [amd, 'linux/386', false, 'an older architecture'],
  [{ os: 'linux', architecture: '386' }, 'linux/i386', true, 'the name of the kernel'],
  [arm, 'linux/aarch64', true, 'the name of the kernel'],
  [arm, 'linux/arm64/v8', true, 'the only variant, which images often leave out'],
  [arm, 'linux/arm/v7', false, 'another architecture with a variant'],
  [{ os: 'linux', architecture: 'arm' }, 'linux/armhf', true, 'the name of Debian'],
  [{ os: 'linux', architecture: 'arm' }, 'linux/arm/v6', true, 'variants are not compared'],
] as const;
for (const [image, asked, expected, why] of cases) {
  const is = `an image of ${image.os}/${image.architecture} is ${expected ? '' : 'not '}one for "${asked}"`;
  void test(`${is}: ${why}`, () => {
    assert.equal(isForPlatform(image, asked), expected);
  });
}
