import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { BuildContext } from '../../../../src/domain/context/context.ts';
import type { StageName } from '../../../../src/domain/context/stage.ts';
import { buildVariables, type Variables } from '../../../../src/domain/variables/variables.ts';
import { formatStageScript } from '../../../../src/domain/script/stage-script.ts';
import { parseStageState } from '../../../../src/domain/script/stage-state.ts';
import { contextOf, type ContextChanges } from '../../job/context-fixture.ts';

/** One of the shells that job images come with. */
export interface Shell {
  readonly name: string;
  readonly argv: readonly [program: string, ...args: string[]];
}

const SHELLS: readonly Shell[] = [
  { name: 'bash', argv: ['bash'] },
  { name: 'dash', argv: ['dash'] },
  { name: 'busybox sh', argv: ['busybox', 'sh'] },
];

/**
 * Runs tests once for each shell, or for the named ones. A shell that is missing here is reported
 * as skipped.
 */
export function describeForShells(
  title: string,
  names: readonly string[] | 'all',
  tests: (shell: Shell) => void,
): void {
  for (const shell of SHELLS) {
    if (names !== 'all' && !names.includes(shell.name)) continue;
    const [program] = shell.argv;
    const skip = hasProgram(program) ? false : `needs ${program}: apt-get install ${program}`;
    describe(`${title} (${shell.name})`, { skip }, () => tests(shell));
  }
}

export function hasProgram(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export interface StageRun {
  readonly exitCode: number | null;
  /** The content of the output file: everything that the stage printed. */
  readonly output: string;
  /** The container's own output. */
  readonly containerLog: string;
  /** The state as the wrapper noted it; undefined when it could not. */
  readonly state: { readonly exitCode: number | undefined } | undefined;
}

export interface RunOptions {
  /** 1 by default. */
  readonly attempt?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly prefix?: string;
  readonly onStart?: (run: { readonly pid: number; readonly scriptPath: string }) => void;
}

/** A directory in place of the file system of a job's containers. */
export interface Workplace {
  readonly dir: string;
  readonly home: string;
  readonly context: (changes?: ContextChanges) => BuildContext;
  readonly run: (
    shell: Shell,
    stage: StageName,
    of: BuildContext,
    options?: RunOptions,
  ) => Promise<StageRun>;
  readonly runText: (shell: Shell, script: string, options?: RunOptions) => Promise<StageRun>;
  readonly outputPath: string;
  readonly statePath: string;
  readonly variablesOf: (context: BuildContext) => Variables;
  readonly remove: () => void;
}

export const NONCE = '0123456789abcdef0123456789abcdef';

export function openWorkplace(): Workplace {
  const dir = mkdtempSync(join(tmpdir(), 'tgr-script-'));
  const home = mkdtempSync(join(dir, 'home-'));
  const paths = { output: join(dir, 'output'), state: join(dir, 'state') };
  const scriptPath = join(dir, 'script');

  const variablesOf = (context: BuildContext): Variables =>
    buildVariables(context, { jobStatus: 'running' });

  const runText: Workplace['runText'] = (shell, script, options = {}) => {
    writeFileSync(scriptPath, script);
    writeFileSync(paths.output, '');
    writeFileSync(paths.state, '');
    const [program, ...args] = shell.argv;
    const stdin = openSync(scriptPath, 'r');
    const child = spawn(program, args, {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '', HOME: home, ...options.env },
      stdio: [stdin, 'pipe', 'pipe'],
    });
    closeSync(stdin);
    const log: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (d: Buffer) => log.push(d));
    if (child.pid !== undefined) options.onStart?.({ pid: child.pid, scriptPath });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      // Not `close`, because processes that a job left may hold the streams. In a container they
      // would die.
      child.on('exit', (exitCode) => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({
          exitCode,
          output: readFileSync(paths.output, 'utf8'),
          containerLog: Buffer.concat(log).toString(),
          state: parseStageState(readFileSync(paths.state, 'utf8'), NONCE),
        });
      });
    });
  };

  return {
    ...{ dir, home, runText, variablesOf },
    outputPath: paths.output,
    statePath: paths.state,
    context: ({ runner, ...changes } = {}) =>
      contextOf({ ...changes, runner: { buildsDir: join(dir, 'builds'), ...runner } }),
    run: (shell, stage, context, options = {}) => {
      const variables = variablesOf(context);
      if (stage.startsWith('step_')) mkdirSync(variables.projectDir, { recursive: true });
      const { attempt = 1 } = options;
      const script = formatStageScript({ context, variables, stage, attempt, nonce: NONCE, paths });
      return runText(shell, script, options);
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** The steps of a job, by name. */
export function steps(scripts: Readonly<Record<string, readonly string[]>>) {
  return Object.entries(scripts).map(([name, script]) => ({ name, script }));
}

export function variable(key: string, value: string, more: Readonly<Record<string, boolean>> = {}) {
  return { key, value, ...more };
}

/** Text without colours. */
export function plain(text: string): string {
  return text.replace(/\u001b\[[0-9;]*m/g, '');
}
