import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JobSpec } from '../support/fake-gitlab/types.ts';
import { assertJob, JOB_IMAGE } from '../support/scenario.ts';
import { findPlace, type Place } from '../support/shared-node.ts';
import { ARCHIVE } from '../support/upload-jobs.ts';

const EMPTY = { key: 'GIT_STRATEGY', value: 'empty' };

const LATIN = [/^latin\nutf$/m, /^ 63 61 66 e9 2e 74 78 74 0a$/m, /^3$/m];

interface Keeping {
  readonly title: string;
  /** The script of the first job, which makes the files. */
  readonly make: readonly string[];
  /** The paths of the first job's artifacts and of its cache. */
  readonly paths?: readonly string[];
  readonly untracked?: boolean;
  readonly user?: string;
  /** The script of the jobs that get the files. */
  readonly look: readonly string[];
  readonly log: readonly (string | RegExp)[];
}

/** The files are passed from one job to another, once as artifacts and once as a cache. */
describe('unusual files', () => {
  const place = findPlace({ concurrent: 1, dockerToml: '    volumes = ["/cache"]' }, ['']);
  before(() => place.open());
  after(() => place.close());

  const keepings: readonly Keeping[] = [
    ...['300000:300000', '3000000:3000000'].map((user) => ({
      title: `still belong to user ${user} alone`,
      user,
      make: ['umask 077', 'mkdir out', 'echo private > out/file', 'ln -s file out/link'],
      look: ['cat out/file', 'stat -c "%n %u:%g %a" out/file'],
      log: [/^private$/m, `out/file ${user} 600`],
    })),
    {
      title: 'have names that are not UTF-8, below a directory',
      ...{ make: makeLatin('out'), look: lookLatin('out'), log: LATIN },
    },
    ...['out/*', '**/*.txt', 'out/*/{caf?,?,größe}.txt', 'o*/sub'].map((pattern) => ({
      title: `have names that are not UTF-8, found by ${pattern}`,
      ...{ make: makeLatin('out/sub'), look: lookLatin('out/sub'), log: LATIN },
      paths: [pattern],
    })),
    {
      title: 'have names that are not UTF-8, and are untracked',
      make: ['mkdir .git', ...makeLatin('$(printf "d\\351")')],
      ...{ look: lookLatin('$(printf "d\\351")'), log: LATIN },
      ...{ paths: [], untracked: true },
    },
    {
      title: 'have times in the future',
      make: [
        'mkdir out',
        'for y in 2039 2049 2100; do echo $y > out/$y; touch -d "$y-06-01 12:00:00" out/$y; done',
      ],
      look: ['stat -c "%n %Y" out/*'],
      log: ['out/2039 2190542400', 'out/2049 2506161600', 'out/2100 4115534400'],
    },
  ];
  for (const keeping of keepings) {
    it(`as artifacts, they ${keeping.title}`, async () => {
      const { paths = ['out/'], untracked = false, user } = keeping;
      const artifacts = [{ ...ARCHIVE, paths, untracked }];
      const first = await play(place, keeping.make, { user, payload: { artifacts } });
      const archive = first.artifacts[0]?.content;
      assert.ok(archive !== undefined, `nothing was sent:\n${first.log}`);
      const dependencies = [{ name: 'make', archive }];
      const second = await play(place, keeping.look, { user, dependencies });
      assertJob(second, { state: 'success', log: keeping.log });
    });

    it(`as a cache, they ${keeping.title}`, async () => {
      const { paths = ['out/'], untracked = false, user } = keeping;
      const cache = [{ key: keeping.title.replaceAll(/[^a-z0-9]/g, '-'), paths, untracked }];
      const first = await play(place, keeping.make, { user, payload: { cache } });
      assertJob(first, {
        state: 'success',
        log: [/found \d+ (?:matching|files)/, 'Created cache'],
      });
      const second = await play(place, keeping.look, { user, payload: { cache } });
      assertJob(second, {
        state: 'success',
        log: ['Successfully extracted cache', ...keeping.log],
      });
    });
  }
});

async function play(
  place: Place,
  script: readonly string[],
  { user, payload, ...spec }: JobSpec & { readonly user: string | undefined },
) {
  const image = { name: JOB_IMAGE, executor_opts: { docker: { user: user ?? '' } } };
  const job = place.addJob({
    ...{ variables: [EMPTY], ...spec, script },
    payload: { ...payload, ...(user !== undefined && { image }) },
  });
  await job.whenFinished(120_000);
  assertJob(job, { state: 'success' });
  return job;
}

/**
 * Returns commands that create a file with a name in Latin-1, a link to it with such a name, and a
 * file with a name in UTF-8.
 */
function makeLatin(directory: string): readonly string[] {
  return [
    `D=${directory}`,
    'mkdir -p "$D"',
    'L="$(printf "caf\\351.txt")"',
    'echo latin > "$D/$L"',
    'ln -s "$L" "$D/$(printf "\\374.txt")"',
    'echo utf > "$D/größe.txt"',
  ];
}

function lookLatin(directory: string): readonly string[] {
  return [
    `D=${directory}`,
    'cat "$D/$(printf "\\374.txt")" "$D/größe.txt"',
    'readlink "$D/$(printf "\\374.txt")" | od -An -tx1',
    'ls "$D" | wc -l',
  ];
}
