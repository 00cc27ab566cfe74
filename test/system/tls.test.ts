import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  openCertificateRoom,
  type CertificateRoom,
} from '../adapters/gitlab/support/certificates.ts';
import { bridgeGateway, openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

describe('a GitLab with a certificate of a private authority', () => {
  let room: CertificateRoom;
  let installation: Installation;
  before(async () => {
    room = await openCertificateRoom();
    const authority = await room.authority('company');
    const { certPem, keyPem } = await authority.issue('gitlab', [`IP:${await bridgeGateway()}`]);
    installation = await openInstallation({
      runnerToml: `  tls-ca-file = "${authority.certFile}"`,
      gitlab: { tls: { certPem, keyPem } },
    });
    await installation.start();
  });
  after(async () => {
    await installation.close();
    await room.close();
  });

  it('is trusted by the runner and by git with the authority of the config', async () => {
    assert.match(installation.gitlab.url, /^https:/);
    const job = installation.gitlab.addJob({ script: ['cat README.md'] });
    await job.whenFinished();
    assertJob(job, {
      state: 'success',
      log: ['Checking out', /^\$ cat README\.md$/m, 'Job succeeded'],
    });
  });

  it('gives the job a file with the certificate of the authority', async () => {
    const job = installation.gitlab.addJob({
      script: ['grep -c "BEGIN CERTIFICATE" "$CI_SERVER_TLS_CA_FILE"'],
      variables: [NO_GIT],
    });
    await job.whenFinished();
    assertJob(job, { state: 'success', log: [/^1$/m] });
    await installation.whenClean();
    assert.deepEqual(installation.gitlab.violations, []);
  });
});
