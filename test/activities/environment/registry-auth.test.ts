import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CredentialPrograms } from '../../../src/ports/index.ts';
import { readAuthSources } from '../../../src/activities/environment/registry-auth.ts';
import { findRegistryAuth, type AuthSource } from '../../../src/domain/executor/registry-auth.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

const IMAGE = 'reg.example.com/group/app:1';

/** Credential programs for these servers, and the requests that they received. */
function programsOf(known: Readonly<Record<string, string>>): {
  readonly programs: CredentialPrograms;
  readonly asked: string[];
} {
  const asked: string[] = [];
  const programs: CredentialPrograms = {
    list: (helper) => {
      asked.push(`${helper} list`);
      return Promise.resolve(Object.keys(known));
    },
    get: (helper, server) => {
      asked.push(`${helper} get ${server}`);
      const username = known[server];
      if (username === 'broken') return Promise.reject(new Error('it is out of order'));
      const auth = { server, username: username ?? '', password: 'p' };
      return Promise.resolve(username === undefined ? undefined : auth);
    },
  };
  return { programs, asked };
}

interface Given {
  readonly variable?: object;
  readonly file?: Partial<AuthSource>;
  readonly known?: Readonly<Record<string, string>>;
}

async function ask({ variable = {}, file = {}, known = {} }: Given) {
  const { programs, asked } = programsOf(known);
  const value = JSON.stringify(variable);
  const context = contextOf({
    job: {
      variables: [{ key: 'DOCKER_AUTH_CONFIG', value }],
      credentials: [{ type: 'registry', url: 'reg.example.com', username: 'job', password: 'p' }],
    },
  });
  const source = { name: 'config.json', entries: [], problem: undefined, ...file };
  const registryAuthFiles = () => Promise.resolve([source]);
  const ports = { registryAuthFiles, credentialPrograms: programs };
  const sources = await readAuthSources(context, { ports, image: IMAGE });
  return { sources, asked, user: findRegistryAuth(IMAGE, sources)?.username };
}

const written = { 'reg.example.com': { username: 'written', password: 'p' } };

describe('credentials from programs', () => {
  it('a credential store counts more than entries of the file', async () => {
    const variable = { auths: written, credsStore: 'store' };
    const { user, asked } = await ask({ variable, known: { 'reg.example.com': 'stored' } });
    assert.equal(user, 'stored');
    assert.deepEqual(asked, ['store list', 'store get reg.example.com']);
  });

  it('a helper of the registry counts more than the store', async () => {
    const variable = { credsStore: 'store', credHelpers: { 'reg.example.com': 'own' } };
    const { user } = await ask({ variable, known: { 'reg.example.com': 'asked' } });
    assert.equal(user, 'asked');
  });

  it('only the helpers for the image’s registry are asked', async () => {
    const variable = {
      credsStore: 'store',
      credHelpers: { 'other.example.com': 'other', 'reg.example.com/group': 'own' },
    };
    const { asked, user } = await ask({
      variable,
      known: { 'third.example.com': 'third', 'reg.example.com/group': 'group' },
    });
    assert.equal(user, 'group');
    assert.deepEqual(asked.toSorted(), [
      'own get reg.example.com/group',
      'store get reg.example.com/group',
      'store list',
    ]);
  });

  it('after a program without credentials entries of the file count, then the next source', async () => {
    const helpers = { credHelpers: { 'reg.example.com': 'own' } };
    assert.equal((await ask({ variable: { auths: written, ...helpers } })).user, 'written');
    assert.equal((await ask({ variable: helpers })).user, 'job');
  });

  it('a program that fails makes its source unusable, with a warning, and no other source', async () => {
    const file = {
      entries: [{ server: 'reg.example.com', username: 'file', password: 'p' }],
      helpers: { store: '', byServer: { 'reg.example.com': 'own' } },
    };
    const { user, sources } = await ask({ file, known: { 'reg.example.com': 'broken' } });
    assert.equal(user, 'job');
    assert.equal(sources[1]?.problem, 'it is out of order; they are not used');
  });

  for (const helper of ['../../bin/sh', '/bin/sh', 'a\\b']) {
    it(`a program is never named by a path: ${helper}`, async () => {
      for (const variable of [{ credsStore: helper }, { credHelpers: { x: helper } }]) {
        const message = /credential helper .* in \$DOCKER_AUTH_CONFIG: a path is not allowed/;
        await assert.rejects(ask({ variable }), { type: 'RunnerConfiguration', message });
      }
    });
  }
});
