import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_ZSTD } from '../../src/adapters/archives/zstd.ts';
import { HELPER_VARIABLE, readers, run, type Reader } from './readers.ts';
import {
  canPack,
  LATIN_SAMPLES,
  listingOf,
  pack,
  SAMPLES,
  timesOf,
  unpack,
  writeSamples,
  type Listing,
  type Packed,
} from './samples.ts';

// `npm run archives` checks whether other programs can read the archives of this runner, and
// whether this runner can read those of gitlab-runner. Programs that are not on this machine are
// named and left out.

const FORMATS: readonly Packed[] = [
  { format: 'zip', level: 'fastest' },
  { format: 'zip', level: 'default' },
  { format: 'zipzstd', level: 'default' },
  { format: 'tarzstd', level: 'default' },
];

let faults = 0;
const scratch = await mkdtemp(join(tmpdir(), 'tgr-archives-'));
try {
  for (const how of FORMATS) await tryFormat(how);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
process.exitCode = faults === 0 ? 0 : 1;

async function tryFormat(how: Packed): Promise<void> {
  const title = `${how.format}, ${how.level}`;
  if (!canPack(how.format)) {
    say('left out', title, NO_ZSTD);
    return;
  }
  for (const reader of readers()) {
    if (reader.formats.includes(how.format)) await tryReader(how, reader);
  }
  await tryHelperAsWriter(how);
}

async function tryReader(how: Packed, reader: Reader): Promise<void> {
  const title = `${how.format}, ${how.level}, read by ${reader.name}`;
  const { program } = reader;
  if (program === undefined) {
    const isHelper = reader.name.startsWith('gitlab-runner');
    say('left out', title, isHelper ? `${HELPER_VARIABLE} names no program` : 'it is not here');
    return;
  }
  await attempt(title, async (directory) => {
    const samples = reader.keepsBytes ? LATIN_SAMPLES : SAMPLES;
    const archive = `${directory}.archive`;
    await pack(archive, how, samples);
    assertSame(await reader.read(program, archive, directory), listingOf(samples));
  });
}

/** Lets gitlab-runner's helper write a cache, and reads it under its new owner. */
async function tryHelperAsWriter({ format, level }: Packed): Promise<void> {
  const program = process.env[HELPER_VARIABLE];
  for (const FF_USE_FASTZIP of ['false', 'true']) {
    const title = `${format}, ${level}, of gitlab-runner's helper, FF_USE_FASTZIP=${FF_USE_FASTZIP}`;
    if (program === undefined) {
      say('left out', title, `${HELPER_VARIABLE} names no program`);
      continue;
    }
    await attempt(title, async (directory) => {
      const archive = `${directory}.archive`;
      await writeFile(archive, '');
      await writeSamples(directory, LATIN_SAMPLES);
      run([program, 'cache-archiver', '--file', archive, '--path', 'out'], {
        ...{ archive: '/dev/null', directory },
        environment: {
          FF_USE_FASTZIP,
          CACHE_COMPRESSION_FORMAT: format,
          CACHE_COMPRESSION_LEVEL: level,
        },
      });
      const { listing, times } = await unpack(archive);
      assertSame(listing, listingOf(LATIN_SAMPLES));
      for (const [path, wantedMs] of timesOf(LATIN_SAMPLES)) {
        if (times.get(path) === wantedMs) continue;
        throw new Error(`${path} is of ${time(times.get(path))} instead of ${time(wantedMs)}`);
      }
    });
  }
}

function time(ms: number | undefined): string {
  return ms === undefined ? 'no time' : new Date(ms).toISOString();
}

async function attempt(title: string, work: (directory: string) => Promise<void>): Promise<void> {
  const directory = join(scratch, title.replaceAll(/[^A-Za-z0-9]+/g, '-'));
  await mkdir(directory);
  try {
    await work(directory);
    say('good', title);
  } catch (error) {
    faults += 1;
    say('BAD', title, error instanceof Error ? error.message : String(error));
  }
}

function assertSame(actual: Listing, expected: Listing): void {
  const wrong = [...new Set([...actual.keys(), ...expected.keys()])]
    .filter((path) => actual.get(path) !== expected.get(path))
    .map((path) => {
      const name = Buffer.from(path, 'hex').toString('latin1');
      if (!actual.has(path)) return `${name} is missing`;
      return expected.has(path) ? `${name} has another content` : `${name} is not expected`;
    });
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}

function say(state: string, title: string, why?: string): void {
  process.stdout.write(`${state.padEnd(9)} ${title}${why === undefined ? '' : `: ${why}`}\n`);
}
