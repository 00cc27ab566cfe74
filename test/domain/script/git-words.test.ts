import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wasCutOff } from '../../../src/domain/script/git-words.ts';

const URL = 'https://gitlab.example.com/group/project.git/';

describe('git’s message about a broken connection', () => {
  const cases: [why: string, said: string, isCutOff: boolean][] = [
    ['nothing listens', `fatal: unable to access '${URL}': Failed to connect to host`, true],
    ['no answer', `fatal: unable to access '${URL}': Empty reply from server`, true],
    ['no name server', `fatal: unable to access '${URL}': Could not resolve host: a.b`, true],
    ['cut by TLS', `fatal: unable to access '${URL}': OpenSSL SSL_read: Connection reset`, true],
    ['an outage', `fatal: unable to access '${URL}': The requested URL returned error: 502`, true],
    ['too many', `fatal: unable to access '${URL}': The requested URL returned error: 429`, true],
    ['amid a pack', 'error: RPC failed; curl 18 transfer closed\nfatal: early EOF', true],
    ['an outage amid it', 'error: RPC failed; HTTP 503 curl 22 error: 503', true],
    ['amid a pack', 'fetch-pack: unexpected disconnect while reading sideband packet', true],
    ['amid anything', 'fatal: the remote end hung up unexpectedly', true],
    ['cut while it logs in', `Created fresh.\nfatal: Authentication failed for '${URL}'`, true],
    [
      'no permission',
      `remote: HTTP Basic: Access denied\nfatal: Authentication failed for '${URL}'`,
      false,
    ],
    [
      'no permission',
      `fatal: unable to access '${URL}': The requested URL returned error: 403`,
      false,
    ],
    ['no trust', `fatal: unable to access '${URL}': SSL certificate problem: self-signed`, false],
    ['no trust', `fatal: unable to access '${URL}': server certificate verification failed`, false],
    ['no project', `remote: not found\nfatal: repository '${URL}' not found`, false],
    ['no such ref', "fatal: couldn't find remote ref refs/heads/gone", false],
    ['said by a file', `+ echo "fatal: unable to access"`, false],
    ['nothing at all', '', false],
  ];
  for (const [why, said, isCutOff] of cases) {
    it(`${isCutOff ? 'is recognised' : 'is not confused with another one'}: ${why}, ${JSON.stringify(said).slice(0, 100)}`, () => {
      assert.equal(wasCutOff(said), isCutOff);
    });
  }
});
