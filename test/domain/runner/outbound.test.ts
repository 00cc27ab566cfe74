import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mountedCaFiles, proxyEnvironment } from '../../../src/domain/runner/outbound.ts';

describe('proxies for the files of jobs', () => {
  const of = (environment: readonly string[]) => {
    const own = { HTTP_PROXY: 'own', https_proxy: 'own-s', PATH: '/bin' };
    const { HTTP_PROXY, HTTPS_PROXY, https_proxy, NO_PROXY, PATH } = proxyEnvironment(
      own,
      environment,
    );
    return { HTTP_PROXY, HTTPS_PROXY, https_proxy, NO_PROXY, PATH };
  };
  const OWN = { HTTP_PROXY: 'own', HTTPS_PROXY: undefined, https_proxy: 'own-s' };

  it('are the program’s own while the entry sets none', () => {
    assert.deepEqual(of(['OTHER=1', 'http_proxy']), {
      ...OWN,
      ...{ HTTP_PROXY: 'own', NO_PROXY: undefined, PATH: '/bin' },
    });
  });

  it('are those of the entry, in upper or lower case, and nothing else is used from it', () => {
    assert.deepEqual(of(['http_proxy=a', 'HTTPS_PROXY=b', 'no_proxy=x=y', 'PATH=/evil']), {
      ...{ HTTP_PROXY: 'a', HTTPS_PROXY: 'b', https_proxy: 'b', NO_PROXY: 'x=y', PATH: '/bin' },
    });
  });

  it('are none when the entry turns them off', () => {
    assert.equal(of(['HTTP_PROXY=']).HTTP_PROXY, '');
  });
});

describe('files that volumes mount where the site’s CA is searched for', () => {
  const cases: [volumes: string[], files: string[], why: string][] = [
    [['/cache', '/a/ca.pem:/etc/gitlab-runner/certs/ca.crt:ro'], ['/a/ca.pem'], 'the file'],
    [['/a/certs/:/etc/gitlab-runner/certs/'], ['/a/certs/ca.crt'], 'its directory'],
    [['certs:/etc/gitlab-runner/certs'], [], 'a volume is no place of this host'],
    [['/a:/b', '/etc/gitlab-runner/certs/ca.crt'], [], 'something else'],
  ];
  for (const [volumes, files, why] of cases) {
    it(`are found in ${volumes.join(', ')}: ${why}`, () => {
      assert.deepEqual(mountedCaFiles(volumes), files);
    });
  }
});
