import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  authSourceOfJob,
  findRegistryAuth,
  isServerOf,
  parseDockerConfig,
  serverOfImage,
} from '../../../src/domain/executor/registry-auth.ts';

const encode = (text: string): string => Buffer.from(text).toString('base64');
const config = (auths: object): string => JSON.stringify({ auths });
/** A source whose user names say which entry was found. */
const source = (
  name: string,
  ...servers: readonly string[]
): ReturnType<typeof parseDockerConfig> =>
  parseDockerConfig(
    name,
    config(Object.fromEntries(servers.map((server) => [server, { auth: encode(`${server}:pw`) }]))),
  );

const matches = [
  ['alpine', ['docker.io'], 'docker.io', 'a bare name is of the hub'],
  [
    'alpine:3',
    ['https://index.docker.io/v1/'],
    'https://index.docker.io/v1/',
    'what docker login writes',
  ],
  ['group/app', ['index.docker.io'], 'index.docker.io', 'the index is the hub'],
  ['index.docker.io/group/app', ['docker.io'], 'docker.io', 'the hub is the index'],
  ['reg.example/a/b/c:1', ['reg.example'], 'reg.example', 'the host holds all its paths'],
  ['reg.example/a/b/c:1', ['reg.example', 'reg.example/a/b'], 'reg.example/a/b', 'longest path'],
  ['reg.example/a/b', ['reg.example/a/bc'], undefined, 'a path is of whole parts'],
  ['reg.example/a', ['reg.example/a/b'], undefined, 'a path below is another'],
  ['REG.example/a', ['reg.EXAMPLE'], 'reg.EXAMPLE', 'hosts have no case'],
  ['reg.example/A', ['reg.example/a'], undefined, 'paths have case'],
  ['reg.example:5000/a', ['reg.example'], undefined, 'another port is another registry'],
  ['reg.example:5000/a:1', ['reg.example:5000'], 'reg.example:5000', 'the tag is no port'],
  [
    'reg.example/a',
    ['https://reg.example/v2/whatever'],
    'https://reg.example/v2/whatever',
    'by host',
  ],
  ['reg.example/a', ['HTTP://Reg.Example'], 'HTTP://Reg.Example', 'scheme without case'],
  ['reg.example/a', ['reg.example/'], 'reg.example/', 'a slash at the end is nothing'],
  ['reg.example/a:1', ['reg.example/a:2'], 'reg.example/a:2', 'the tag of an entry is nothing'],
  ['localhost/a', ['localhost'], 'localhost', 'localhost is a host'],
  [`reg.example/a@sha256:${'0'.repeat(64)}`, ['reg.example/a'], 'reg.example/a', 'digest cut off'],
  ['other.example/a', ['reg.example'], undefined, 'no match is an anonymous pull'],
] as const;
for (const [image, servers, expected, why] of matches) {
  void test(`${image} among ${servers.join(', ')} finds ${expected ?? 'none'}: ${why}`, () => {
    const match = findRegistryAuth(image, [source('file', ...servers)]);
    assert.equal(match?.server, expected);
  });
}

void test('the first source wins for the same path, and a longer path wins over sources', () => {
  const sources = [
    source('first', 'reg.example'),
    source('second', 'reg.example', 'reg.example/a'),
  ];
  assert.equal(findRegistryAuth('reg.example/b', sources)?.source, 'first');
  assert.equal(findRegistryAuth('reg.example/a/x', sources)?.source, 'second');
});

void test('auth is the base64 of user and password, split at the first colon', () => {
  const text = config({ 'r.example': { auth: encode('üser:p:ß\0\0') } });
  assert.deepEqual(parseDockerConfig('x', text), {
    name: 'x',
    problem: undefined,
    entries: [{ server: 'r.example', username: 'üser', password: 'p:ß' }],
  });
});

void test('user and password may be plain, and auth overrides them', () => {
  const text = config({
    'a.example': { username: 'u', password: 'p' },
    'b.example': { username: 'u', password: 'p', auth: encode('v:q') },
    'c.example': {},
  });
  assert.deepEqual(parseDockerConfig('x', text).entries, [
    { server: 'a.example', username: 'u', password: 'p' },
    { server: 'b.example', username: 'v', password: 'q' },
  ]);
});

void test('the older file format contains only the object of hosts', () => {
  const text = JSON.stringify({ 'r.example': { auth: encode('u:p'), email: 'e' } });
  assert.equal(parseDockerConfig('x', text).entries.length, 1);
});

const sourcesWithoutEntries = [
  ['', undefined, 'an unset variable is no problem'],
  ['{}', undefined, 'a file of settings is no problem'],
  ['{"experimental":"enabled","HttpHeaders":{"a":"b"}}', undefined, 'settings are not hosts'],
  ['nonsense', /not a JSON object/, 'broken JSON'],
  ['[]', /not a JSON object/, 'a list'],
  ['{"auths":[]}', /"auths" is not an object/, 'a list of entries'],
  ['{"auths":{"r.example":"x"}}', /r\.example.* is not an object/, 'an entry in the wrong shape'],
  ['{"auths":{"r.example":{"auth":"s3cret!"}}}', /not the base64/, 'not base64'],
  [config({ 'r.example': { auth: encode('s3cret') } }), /user:password/, 'no colon'],
  ['{"credsStore":"desktop"}', undefined, 'whoever asks the program has to add them'],
  ['{"credsStore":1}', /"credsStore" is not a text/, 'a store in the wrong shape'],
  ['{"credHelpers":[]}', /"credHelpers" is not an object/, 'helpers in the wrong shape'],
  ['{"credHelpers":{"r.example":1}}', /of "r\.example" is not a text/, 'a helper in that'],
] as const;
for (const [text, problem, why] of sourcesWithoutEntries) {
  void test(`${text || 'nothing'} gives no entries: ${why}`, () => {
    const parsed = parseDockerConfig('x', text);
    assert.deepEqual(parsed.entries, []);
    if (problem === undefined) assert.equal(parsed.problem, undefined);
    else assert.match(parsed.problem ?? '', problem);
    assert.doesNotMatch(parsed.problem ?? '', /s3cret/);
  });
}

void test('a job provides credentials only for registries', () => {
  const credential = { url: 'r.example:5000', username: 'gitlab-ci-token', password: 'p' };
  const parsed = authSourceOfJob([
    { type: 'other', ...credential },
    { type: 'registry', ...credential },
  ]);
  assert.equal(parsed.entries.length, 1);
  const match = findRegistryAuth('r.example:5000/group/app:1', [parsed]);
  assert.equal(match?.username, 'gitlab-ci-token');
  assert.match(match.source, /job payload/);
});

void test('programs with more credentials are named', () => {
  const text = '{"auths":{},"credsStore":"desktop","credHelpers":{"r.example":"ecr-login"}}';
  assert.deepEqual(parseDockerConfig('x', text).helpers, {
    store: 'desktop',
    byServer: { 'r.example': 'ecr-login' },
  });
  assert.equal(parseDockerConfig('x', '{"auths":{}}').helpers, undefined);
});

void test('an identity token is a credential without user and password', () => {
  const { entries } = parseDockerConfig('x', config({ 'r.example': { identitytoken: 't' } }));
  assert.deepEqual(entries, [
    { server: 'r.example', username: '', password: '', identityToken: 't' },
  ]);
});

const servers: readonly [server: string, image: string, expected: boolean, why: string][] = [
  ['r.example', 'r.example/a/b:1', true, 'the registry of the image'],
  ['r.example/a', 'r.example/a/b:1', true, 'a path above it'],
  ['r.example/a', 'r.example/ab:1', false, 'the name only begins alike'],
  ['r.example:5000', 'r.example/a', false, 'another port'],
  ['https://index.docker.io/v1/', 'alpine', true, "Docker's own registry"],
  ['R.EXAMPLE', 'r.example/a', true, 'hosts have no case'],
  ['', 'alpine', false, 'no server at all'],
];
for (const [server, image, expected, why] of servers) {
  void test(`"${server}" is ${expected ? '' : 'not '}asked for ${image}: ${why}`, () => {
    assert.equal(isServerOf(server, image), expected);
  });
}

const serversOfImages = [
  ['alpine', 'https://index.docker.io/v1/', 'as Docker has always named its hub'],
  ['docker.io/library/alpine:3', 'https://index.docker.io/v1/', 'the same'],
  ['index.docker.io/library/alpine', 'https://index.docker.io/v1/', 'the same'],
  ['registry.example.com/group/image:1', 'registry.example.com', 'the host alone'],
  ['registry.example.com:5050/image@sha256:0', 'registry.example.com:5050', 'the port is its part'],
  ['Registry.Example.com/image', 'Registry.Example.com', 'it is compared letter by letter'],
  ['localhost/image', 'localhost', 'a registry of this machine'],
] as const;
for (const [image, server, why] of serversOfImages) {
  void test(`the server of ${image} is ${server}: ${why}`, () => {
    assert.equal(serverOfImage(image), server);
  });
}
