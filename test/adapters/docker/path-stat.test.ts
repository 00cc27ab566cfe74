import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reportedLink } from '../../../src/adapters/docker/path-stat.ts';

const LINK_MODE = 2 ** 27 + 0o777;
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

describe('the link of which an archive call tells', () => {
  const cases: [header: string | undefined, expected: string | undefined, why: string][] = [
    [base64({ mode: LINK_MODE, linkTarget: '/target' }), '/target', 'a link'],
    [base64({ mode: LINK_MODE, linkTarget: '' }), '', 'a link without its target'],
    [base64({ mode: LINK_MODE }), '', 'a link by an engine that leaves the target out'],
    [base64({ mode: 0o644, linkTarget: '/target' }), undefined, 'a file'],
    [base64({ linkTarget: '/target' }), undefined, 'no mode'],
    [Buffer.from('{').toString('base64'), undefined, 'no JSON'],
    [undefined, undefined, 'no header'],
  ];
  for (const [header, expected, why] of cases) {
    it(`is ${JSON.stringify(expected)} for ${why}`, () => {
      const headers = { 'x-docker-container-path-stat': header };
      assert.equal(reportedLink({ headers }), expected);
    });
  }
});
