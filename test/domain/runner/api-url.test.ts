import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  apiBaseUrl,
  hostAsWritten,
  isMovedCall,
  judgeRedirect,
  uploadAddress,
  uploadServerUrl,
  urlFault,
} from '../../../src/domain/runner/api-url.ts';

describe('base URL of the API', () => {
  const cases: [url: string, expected: string | undefined, why: string][] = [
    ['https://gitlab.test', 'https://gitlab.test/api/v4/', 'the usual'],
    ['https://gitlab.test///', 'https://gitlab.test/api/v4/', 'trailing slashes go'],
    ['https://gitlab.test/ci', 'https://gitlab.test/api/v4/', 'the URL of GitLab CI of old'],
    ['https://gitlab.test/ci/', 'https://gitlab.test/api/v4/', 'slash first, then /ci'],
    ['https://gitlab.test/ci/ci', 'https://gitlab.test/ci/api/v4/', 'only one /ci'],
    ['https://gitlab.test/civic', 'https://gitlab.test/civic/api/v4/', 'not the end of a word'],
    ['http://h:8080/gitlab', 'http://h:8080/gitlab/api/v4/', 'below a path'],
    ['http://[::1]:3000', 'http://[::1]:3000/api/v4/', 'an address of IPv6'],
    [' https://gitlab.test ', 'https://gitlab.test/api/v4/', 'blanks around'],
    ['gitlab.test', undefined, 'no scheme'],
    ['ftp://gitlab.test', undefined, 'not a scheme of the web'],
    ['https://', undefined, 'no host'],
    ['https://gitlab.test/?a=b', undefined, 'a query belongs to no base'],
    ['https://gitlab.test/@a', 'https://gitlab.test/@a/api/v4/', 'a path with an @'],
    ['https://user:pw@gitlab.test', undefined, 'nothing sends a user and password'],
    ['https://user:p/w@gitlab.test', undefined, 'the same, with a slash'],
    ['', undefined, 'empty'],
  ];
  for (const [url, expected, why] of cases) {
    it(`of "${url}" is ${expected}: ${why}`, () => assert.equal(apiBaseUrl(url), expected));
  }
});

describe('the fault of a url', () => {
  it('never shows a password', () => {
    for (const url of ['https://u:canary@h', 'https://u:can/ary@h', ' HTTPS://canary@h/ci ']) {
      const fault = urlFault(url) ?? '';
      assert.match(fault, /^has a user or password in it, .*: take them out$/);
      assert.doesNotMatch(fault, /can/);
    }
  });

  it('shows what is no address', () => {
    assert.equal(urlFault('gitlab.test'), 'is "gitlab.test", which is not an http(s) address');
    assert.equal(urlFault('https://gitlab.test'), undefined);
  });
});

describe('the host of a url', () => {
  const cases: [url: string, expected: string][] = [
    ['https://GitLab.Test:8443/Path', 'GitLab.Test'],
    [' http://h', 'h'],
    ['https://[::1]:3000', '[::1]'],
    ['gitlab.test', ''],
  ];
  for (const [url, expected] of cases) {
    it(`of "${url}" is "${expected}"`, () => assert.equal(hostAsWritten(url), expected));
  }
});

describe('redirects', () => {
  const at = (protocol: string, hostname: string) => ({ protocol, hostname, href: 'target' });
  const here = at('https:', 'a.test');
  const cases: [
    status: number,
    from: string,
    to: ReturnType<typeof at> | undefined,
    kind: string,
    why: string,
  ][] = [
    [307, 'https:', here, 'follow', 'keeps method and body'],
    [308, 'http:', here, 'follow', 'from http to https'],
    [308, 'http:', at('http:', 'a.test'), 'follow', 'no worse than before'],
    [308, 'https:', at('http:', 'a.test'), 'refuse', 'the token would go in the clear'],
    [307, 'https:', at('https:', 'b.test'), 'refuse', 'the token is not for others'],
    [301, 'https:', here, 'refuse', 'a client would drop the body'],
    [303, 'https:', here, 'refuse', 'the same'],
    [307, 'https:', undefined, 'refuse', 'no target'],
  ];
  for (const [status, protocol, to, kind, why] of cases) {
    it(`${status} from ${protocol} to ${to?.protocol}${to?.hostname}: ${kind}, ${why}`, () => {
      const verdict = judgeRedirect({ status, from: { protocol, hostname: 'a.test' }, to });
      assert.equal(verdict.kind, kind);
    });
  }
});

describe('a redirected download', () => {
  const path = '/api/v4/jobs/7/artifacts';
  const cases: [from: string, to: string, isGitlab: boolean, why: string][] = [
    ['http://a.test', `https://a.test${path}`, true, 'a proxy wants https'],
    ['http://a.test:8080', `http://a.test${path}?x=1`, true, 'a proxy has another port'],
    ['https://a.test', `http://a.test${path}`, false, 'the token would go in the clear'],
    ['https://a.test', `https://b.test${path}`, false, 'the token is not for others'],
    ['https://a.test', 'https://a.test:9000/bucket/file', false, 'a store on the same host'],
  ];
  for (const [from, to, isGitlab, why] of cases) {
    const verb = isGitlab ? 'stays at' : 'leaves';
    it(`from ${from} to ${to} ${verb} GitLab: ${why}`, () => {
      assert.equal(isMovedCall(new URL(`${from}${path}`), new URL(to)), isGitlab);
    });
  }
});

describe('a redirected upload', () => {
  const path = 'jobs/7/artifacts?artifact_format=zip';
  const api = `/api/v4/${path}`;
  const cases: [from: string, to: string, expected: string | undefined, why: string][] = [
    ['https://a.test', 'https://a.test/up?x=1', 'https://a.test/up?x=1', 'the exact address'],
    [
      'https://a.test',
      'https://a.test/up',
      'https://a.test/up?artifact_format=zip',
      'with a query',
    ],
    ['https://a.test', 'https://b.test', `https://b.test${api}`, 'a primary site of Geo'],
    ['https://a.test', 'https://b.test/bucket?key=1', `https://b.test${api}`, 'only to an API'],
    ['https://a.test', `https://b.test/gl${api}`, `https://b.test/gl${api}`, 'below its path'],
    ['https://a.test', 'http://b.test', undefined, 'the token would go in the clear'],
    ['https://a.test', 'http://a.test/up', undefined, 'the same on its own host'],
    ['http://a.test', 'http://b.test', `http://b.test${api}`, 'no worse than before'],
    ['http://a.test', 'https://b.test', `https://b.test${api}`, 'from http to https'],
    ['http://a.test', 'ftp://b.test', undefined, 'not a scheme of the web'],
  ];
  for (const [from, to, expected, why] of cases) {
    it(`from ${from} to ${to} goes to ${expected}: ${why}`, () => {
      assert.equal(uploadAddress(new URL(to), { from: new URL(from), path }), expected);
    });
  }

  it('uses the named server, at the path at which GitLab is mounted', () => {
    const to = new URL(`https://b.test:8443/gl${api}`);
    assert.equal(uploadServerUrl(to, { protocol: 'https:' }), 'https://b.test:8443/gl');
  });
});
