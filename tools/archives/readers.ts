import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { readTree, type Listing, type Packed } from './samples.ts';

/** A program of somebody else that reads our archives. */
export interface Reader {
  readonly name: string;
  /** The program that runs it; undefined when it is not on this machine. */
  readonly program: string | undefined;
  readonly formats: readonly Packed['format'][];
  /** True: it returns names that are not UTF-8 unchanged. */
  readonly keepsBytes: boolean;
  readonly read: (program: string, archive: string, directory: string) => Promise<Listing>;
}

const SOURCES = join(import.meta.dirname, '../../../tools/archives');
/** With these variables names are bytes, and times have no time zone. */
const ENVIRONMENT = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' };

/** The variable that names gitlab-runner's helper, which cannot be found otherwise. */
export const HELPER_VARIABLE = 'GITLAB_RUNNER_HELPER';

export function readers(): readonly Reader[] {
  const zip = ['zip'] as const;
  const java = found('java', '--version');
  const bsdtar = found('bsdtar', '--version');
  return [
    {
      ...{ name: 'unzip', program: found('unzip', '-v'), formats: zip, keepsBytes: true },
      read: unpacks((program, archive, to) => [program, '-qq', '-o', archive, '-d', to]),
    },
    {
      ...{ name: '7-Zip', program: found('7zz', 'i') ?? found('7z', 'i') },
      ...{ formats: ['zip', 'zipzstd'], keepsBytes: false },
      read: unpacks((program, archive, to) => [program, 'x', '-y', '-snld', `-o${to}`, archive]),
    },
    {
      ...{ name: 'bsdtar', program: bsdtar, formats: ['zip', 'tarzstd'], keepsBytes: false },
      read: unpacks((program, archive, to) => [program, '-xf', archive, '-C', to]),
    },
    {
      ...{ name: 'bsdtar, as a stream', program: bsdtar, formats: zip, keepsBytes: false },
      read: unpacks((program, _archive, to) => [program, '-xf', '-', '-C', to]),
    },
    {
      ...{ name: 'Python zipfile', program: found('python3', '--version') },
      ...{ formats: zip, keepsBytes: true },
      read: lists((program, archive) => [program, join(SOURCES, 'read_zip.py'), archive]),
    },
    {
      ...{ name: 'Java ZipFile', program: java, formats: zip, keepsBytes: true },
      read: lists((program, archive) => [program, javaSource(), 'list', archive]),
    },
    {
      ...{ name: 'Java ZipInputStream', program: java, formats: zip, keepsBytes: true },
      read: lists((program, archive) => [program, javaSource(), 'stream', archive]),
    },
    ...[false, true].map((isFast): Reader => {
      const FF_USE_FASTZIP = String(isFast);
      return {
        name: `gitlab-runner's helper, FF_USE_FASTZIP=${FF_USE_FASTZIP}`,
        program: process.env[HELPER_VARIABLE],
        ...{ formats: ['zip', 'zipzstd', 'tarzstd'], keepsBytes: true },
        read: unpacks((program, archive) => [program, 'cache-extractor', '--file', archive], {
          FF_USE_FASTZIP,
        }),
      };
    }),
  ];
}

function javaSource(): string {
  return join(SOURCES, 'ReadZip.java');
}

function found(name: string, question: string): string | undefined {
  const { status } = spawnSync(name, [question], { stdio: 'ignore' });
  return status === 0 ? name : undefined;
}

type CommandLine = (program: string, archive: string, directory: string) => readonly string[];

function unpacks(line: CommandLine, environment: NodeJS.ProcessEnv = {}): Reader['read'] {
  return async (program, archive, directory) => {
    run(line(program, archive, directory), { archive, directory, environment });
    return (await readTree(directory)).listing;
  };
}

function lists(line: CommandLine): Reader['read'] {
  return async (program, archive, directory) => {
    const said = run(line(program, archive, directory), { archive, directory, environment: {} });
    return new Map(
      said
        .split('\n')
        .filter((each) => each !== '')
        .map((each) => [each.split(' ')[0] ?? '', each.split(' ')[1] ?? '']),
    );
  };
}

interface Surroundings {
  readonly archive: string;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Runs a program with the archive as its input. Returns its output, or throws it. */
export function run(
  [program = '', ...rest]: readonly string[],
  { archive, directory, environment }: Surroundings,
): string {
  const input = openSync(archive, 'r');
  try {
    const { status, stdout, stderr, error } = spawnSync(program, rest, {
      ...{ cwd: directory, env: { ...ENVIRONMENT, ...environment }, encoding: 'utf8' },
      stdio: [input, 'pipe', 'pipe'],
    });
    if (status === 0) return stdout;
    const why = error?.message ?? `${stderr}${stdout}`.trim().slice(-500);
    throw new Error(`${program} ended with ${status ?? 'no code'}: ${why}`);
  } finally {
    closeSync(input);
  }
}
