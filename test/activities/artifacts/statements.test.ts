import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Ports } from '../../../src/ports/index.ts';
import { parseStatement } from '../../support/provenance-statement.ts';
import { PROJECT, upload, type UploadOptions } from './support.ts';

const WANTED = { RUNNER_GENERATE_ARTIFACTS_METADATA: 'true' };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const runningSha256: Ports['runningSha256'] = () => {
  const hash = createHash('sha256');
  return { add: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
};

/** Packs `out/` into `app.zip` of a job that wants a statement. */
async function uploadStated({ artifacts = [{}], variables, ...options }: UploadOptions = {}) {
  const { uploads, ...rest } = await upload({
    artifacts: artifacts.map((entry) => ({ name: 'app', artifact_format: 'zip', ...entry })),
    variables: { ...WANTED, ...variables },
    ports: { runningSha256 },
    ...options,
  });
  const [archive] = uploads;
  const files = archive && (JSON.parse(archive.text) as Record<string, string>);
  return { ...rest, files };
}

function subjectsOf(text: string | undefined) {
  return parseStatement(text ?? '').subject;
}

describe('a statement of provenance', () => {
  it('is the last file of the archive and names each other one with its checksum', async () => {
    const made = { 'out/a': 'made', 'out/b': '', 'out/lib/c': 'more' };
    const { outcome, files = {}, trace } = await uploadStated({ files: made });
    assert.deepEqual(outcome, { kind: 'succeeded' });
    const { 'app-metadata.json': text, ...others } = files;
    assert.deepEqual(others, made);
    assert.equal(Object.keys(files).at(-1), 'app-metadata.json');
    const expected = Object.entries(made).map(([name, content]) => ({
      ...{ name, digest: { sha256: sha256(content) } },
    }));
    assert.deepEqual(subjectsOf(text), expected);
    assert.match(trace, /Generating artifacts statement/);
  });

  it('names no link, which has no content', async () => {
    const { files } = await uploadStated({
      files: { 'out/a': 'made', 'out/link': { leadsTo: `${PROJECT}/out/a` } },
    });
    const names = subjectsOf(files?.['app-metadata.json']).map(({ name }) => name);
    assert.deepEqual(names, ['out/a']);
  });

  it('replaces a file of the job that has its name', async () => {
    const artifacts = [{ paths: ['.'], name: 'out/app' }];
    const { files } = await uploadStated({
      artifacts,
      files: { 'out/a': 'made', 'out/app-metadata.json': 'forged' },
    });
    assert.deepEqual(
      subjectsOf(files?.['out/app-metadata.json']).map(({ name }) => name),
      ['out/a'],
    );
  });

  it('is left out where the entry excludes its name, and the rest is sent', async () => {
    const artifacts = [{ exclude: ['*-metadata.json'] }];
    const { outcome, files, trace } = await uploadStated({ artifacts });
    assert.deepEqual([outcome, files], [{ kind: 'succeeded' }, { 'out/a': 'made' }]);
    assert.match(trace, /Generating artifacts statement/);
  });

  it('is left out where its name leads out of the project, and the log says so', async () => {
    const { outcome, files, trace } = await uploadStated({ artifacts: [{ name: '../app' }] });
    assert.deepEqual([outcome, files], [{ kind: 'succeeded' }, { 'out/a': 'made' }]);
    assert.match(trace, /\.\.\/app-metadata\.json: not supported: outside build directory/);
  });

  it('fails the stage where its name is impossible: nothing is sent without it', async () => {
    const artifacts = [{ name: 'x'.repeat(256) }];
    const { outcome, files, trace } = await uploadStated({ artifacts });
    assert.deepEqual([outcome, files], [{ kind: 'script_failed', exitCode: 1 }, undefined]);
    assert.match(
      trace,
      /the archive is refused: the statement of provenance has a name that is too/,
    );
  });

  it('fails the stage where a file lies in the place of its directory', async () => {
    const { outcome, trace } = await uploadStated({ artifacts: [{ name: 'out/a/app' }] });
    assert.deepEqual(outcome, { kind: 'script_failed', exitCode: 1 });
    assert.match(trace, /lies below "out\/a", which is no directory/);
  });

  it('is not made unless the job wants it', async () => {
    const variables = { RUNNER_GENERATE_ARTIFACTS_METADATA: 'false' };
    const { files, trace } = await uploadStated({ variables });
    assert.deepEqual(files, { 'out/a': 'made' });
    assert.doesNotMatch(trace, /statement/);
  });

  it('has the only supported schema, and the log says so if the job asks for another', async () => {
    const variables = { SLSA_PROVENANCE_SCHEMA_VERSION: 'v0.2' };
    const { files, trace } = await uploadStated({ variables });
    const { predicateType } = parseStatement(files?.['app-metadata.json'] ?? '');
    assert.equal(predicateType, 'https://slsa.dev/provenance/v1');
    assert.match(trace, /Unknown SLSA provenance version v0\.2, defaulting to v1/);
  });
});
