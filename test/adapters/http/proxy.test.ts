import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { proxyFor, type Environment } from '../../../src/adapters/http/proxy.ts';

const both = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'http://tls:2' };
const without = (noProxy: string): Environment => ({ ...both, NO_PROXY: noProxy });

const cases: [url: string, env: Environment, expected: string | undefined, why: string][] = [
  ['https://gitlab.test', {}, undefined, 'nothing is set'],
  ['https://gitlab.test', both, 'http://tls:2', 'https has its own'],
  ['http://gitlab.test', both, 'http://plain:1', 'and http'],
  [
    'https://gitlab.test',
    { HTTP_PROXY: 'http://plain:1' },
    undefined,
    'one does not stand in for the other',
  ],
  ['https://gitlab.test', { https_proxy: 'tls:2' }, 'http://tls:2', 'small letters, no scheme'],
  [
    'https://gitlab.test',
    { HTTPS_PROXY: '', https_proxy: 'http://tls:2' },
    'http://tls:2',
    'empty is unset',
  ],
  ['https://localhost', both, undefined, 'this machine'],
  ['https://127.9.9.9:8443', both, undefined, 'a loopback address'],
  ['https://[::1]', both, undefined, 'a loopback address of IPv6'],
  ['https://gitlab.test', without('*'), undefined, 'everything is exempt'],
  ['https://gitlab.test', without('gitlab.test'), undefined, 'the name itself'],
  ['https://GitLab.test', without('GITLAB.TEST'), undefined, 'letter case does not count'],
  ['https://ci.gitlab.test', without('gitlab.test'), undefined, 'a name covers what is below it'],
  ['https://mygitlab.test', without('gitlab.test'), 'http://tls:2', 'only at a dot'],
  ['https://gitlab.test', without('.gitlab.test'), 'http://tls:2', 'a leading dot: only below'],
  ['https://ci.gitlab.test', without('other , .gitlab.test'), undefined, 'blanks in a list'],
  ['https://ci.gitlab.test', without('*.gitlab.test'), undefined, 'a star is a leading dot'],
  ['https://gitlab.test', without('gitlab.test:8443'), 'http://tls:2', 'another port'],
  ['https://gitlab.test', without('gitlab.test:443'), undefined, 'the default port'],
  ['https://10.1.2.3', without('10.0.0.0/8'), undefined, 'a subnet'],
  ['https://11.1.2.3', without('10.0.0.0/8'), 'http://tls:2', 'outside of it'],
  ['https://10.1.2.3', without('10.0.0.0/99'), 'http://tls:2', 'nonsense exempts nothing'],
  ['https://[fd00::5]', without('fd00::/8'), undefined, 'a subnet of IPv6'],
  ['https://[fd00::5]', without('fd00::5'), undefined, 'an address of IPv6'],
  ['https://gitlab.test', without(',,'), 'http://tls:2', 'empty entries exempt nothing'],
];

describe('choice of a proxy', () => {
  for (const [url, env, expected, why] of cases) {
    it(`${url} with ${JSON.stringify(env)} → ${expected}: ${why}`, () => {
      assert.equal(proxyFor(new URL(url), env), expected);
    });
  }
});
