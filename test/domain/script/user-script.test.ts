import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import {
  describeForShells,
  openWorkplace,
  plain,
  steps,
  variable,
  type Workplace,
} from './support/stage-runs.ts';

const GREEN = '\u001b[32;1m';
const RESET = '\u001b[0;m';

describeForShells('a script of the job', 'all', (shell) => {
  let place: Workplace;
  before(() => {
    place = openWorkplace();
  });
  after(() => place.remove());

  interface Parts {
    readonly variables?: readonly unknown[];
    readonly runner?: Partial<RunnerConfig>;
    readonly more?: Readonly<Record<string, unknown>>;
  }
  const jobWith = (
    scripts: Readonly<Record<string, readonly string[]>>,
    { variables = [], runner = {}, more = {} }: Parts = {},
  ): BuildContext => place.context({ runner, job: { steps: steps(scripts), variables, ...more } });
  const runScript = (script: readonly string[], parts: Parts = {}) =>
    place.run(shell, 'step_script', jobWith({ script }, parts));

  it('shows each command before it runs, as gitlab-runner does', async () => {
    const run = await runScript(['  echo one  ', '', 'echo two\necho three']);
    assert.equal(
      run.output,
      `${GREEN}$ echo one${RESET}\none\n\n` +
        `${GREEN}$ echo two # collapsed multi-line command${RESET}\ntwo\nthree\n`,
    );
  });

  it('shows backslashes, quotes, dollar signs and line ends of a command literally', async () => {
    const command = `: '\\n' "$HOME" \`true\` \\\\ %s é`;
    const run = await runScript([command]);
    assert.equal(run.output, `${GREEN}$ ${command}${RESET}\n`);
  });

  it('shows a command of several lines as a collapsed section when the flag is on', async () => {
    const run = await runScript(['true', 'echo two\necho three'], {
      runner: { featureFlags: { FF_SCRIPT_SECTIONS: true } },
      more: { features: { trace_sections: true } },
    });
    const section = 'section_script_step_1';
    const clear = '\r\u001b[0K';
    assert.equal(
      run.output.replace(/:\d{10,}:/g, ':T:'),
      `${GREEN}$ true${RESET}\n` +
        `section_start:T:${section}[hide_duration=true,collapsed=true]${clear}` +
        `${GREEN}$ echo two\necho three${RESET}\nsection_end:T:${section}${clear}\ntwo\nthree\n`,
    );
  });

  it('ends at the first command that fails, with its code', async () => {
    const run = await runScript(['echo one', '(exit 42)', 'echo two']);
    assert.deepEqual([run.exitCode, run.state], [42, { exitCode: 42 }]);
    assert.doesNotMatch(run.output, /echo two/);
  });

  it('checks each exit code where errexit does not, when the flag is on', async () => {
    const parts = (isOn: boolean) => ({
      runner: { featureFlags: { FF_ENABLE_BASH_EXIT_CODE_CHECK: isOn } },
    });
    const script = ['set +e', '(exit 9)', 'echo on'];
    assert.equal((await runScript(script, parts(true))).exitCode, 9);
    assert.equal((await runScript(script, parts(false))).exitCode, 0);
  });

  it('runs all commands in one shell, including those of the configuration', async () => {
    const run = await runScript(['b=$((a + 1))', 'cd /usr'], {
      runner: { preBuildScript: 'a=1', postBuildScript: 'echo "$a$b $PWD"' },
    });
    assert.match(plain(run.output), /^\$ a=1\n\$ b=.*\n\$ cd \/usr\n\$ echo .*\n12 \/usr\n$/);
  });

  it('does not run the scripts of the configuration around after_script', async () => {
    const job = jobWith(
      { script: ['true'], after_script: ['echo after'] },
      { runner: { preBuildScript: 'echo pre', postBuildScript: 'echo post' } },
    );
    const run = await place.run(shell, 'after_script', job);
    assert.equal(plain(run.output), 'Running after script...\n$ echo after\nafter\n');
  });

  it('starts in the project directory', async () => {
    const job = jobWith({ script: ['pwd'] });
    const run = await place.run(shell, 'step_script', job);
    assert.equal(plain(run.output), `$ pwd\n${place.variablesOf(job).projectDir}\n`);
  });

  it('finds a step whatever the case of its name is', async () => {
    const run = await place.run(shell, 'step_mine', jobWith({ script: ['false'], Mine: ['true'] }));
    assert.equal(run.exitCode, 0);
  });

  it('passes variables on byte for byte', async () => {
    const value = `a'b"c$HOME\`d\`\\n\\\\\n  é\t*?[x]; #{}~ \u{1F600}`;
    const run = await runScript(['printf "%s|" "$VALUE" "$EMPTY" "$CI_JOB_STATUS"'], {
      variables: [variable('VALUE', value, { raw: true }), variable('EMPTY', '')],
    });
    assert.ok(run.output.endsWith(`${value}||running|`), run.output);
  });

  it('passes 1 MB of variables on to a script of 10,000 commands', async () => {
    const variables = Array.from({ length: 20 }, (_, index) =>
      variable(`BIG_${index}`, `'${String(index % 10).repeat(50_000)}`),
    );
    const script = Array.from({ length: 10_000 }, (_, index) => `n=$((\${n:-0} + ${index % 2}))`);
    const run = await runScript([...script, 'env | wc -c; echo "$n ${#BIG_19}"'], { variables });
    assert.equal(run.exitCode, 0);
    assert.ok(run.output.endsWith('\n5000 50001\n'), run.output.slice(-200));
  });

  it('survives variables with names that a shell reserves', async () => {
    const names = 'UID EUID PPID SHELLOPTS BASHOPTS OPTIND LINENO RANDOM SRANDOM HISTCMD _'.split(
      ' ',
    );
    const run = await runScript(['echo alive'], {
      variables: [...names.map((name) => variable(name, 'not a number')), variable('IFS', 'al')],
    });
    assert.equal(plain(run.output), '$ echo alive\nalive\n');
  });

  it('passes a file variable on as the path of its file', async () => {
    const run = await runScript(['cat "$CONFIG"'], {
      variables: [variable('CONFIG', "it's\n content", { file: true })],
    });
    assert.ok(run.output.endsWith("\nit's\n content"), run.output);
  });

  it('passes lines of GITLAB_ENV on to later scripts, literally', async () => {
    const job = jobWith(
      {
        script: [
          `printf '%s\\n' 'PLAIN=a b' 'QUOTED="x" $HOME $(touch ${place.dir}/bad)' '' 'EQ=a=b' >>"$GITLAB_ENV"`,
          `printf '%s\\n' 'not a variable' '9X=1' >>"$GITLAB_ENV"; printf LAST=1 >>"$GITLAB_ENV"`,
        ],
        after_script: [
          'printf "%s|" "$PLAIN" "$QUOTED" "$EQ" "$LAST" "$OVER"; env | grep -c PLAIN',
        ],
      },
      { variables: [variable('PLAIN', 'from the job')] },
    );
    assert.equal((await place.run(shell, 'step_script', job)).exitCode, 0);
    const run = await place.run(shell, 'after_script', job);
    assert.ok(
      run.output.endsWith(`a b|"x" $HOME $(touch ${place.dir}/bad)|a=b|1||1\n`),
      run.output,
    );
    assert.equal(run.output.match(/WARNING: a line of the GITLAB_ENV/g)?.length, 2);
    assert.equal(existsSync(join(place.dir, 'bad')), false);
  });

  it('never reads the GITLAB_ENV file of another build, and removes it', async () => {
    const job = jobWith({ script: ['echo "[$LEFT]"; cat "$GITLAB_ENV"'] });
    const { tempDir } = place.variablesOf(job);
    mkdirSync(tempDir, { recursive: true });
    const left = join(tempDir, 'gitlab_runner_env_fedcba9876543210');
    writeFileSync(left, 'LEFT=1\n');
    const fresh = { ...job, entropy: '1111111111111111' };
    const run = await place.run(shell, 'step_script', fresh);
    assert.ok(run.output.endsWith('\n[]\n'), run.output);
    assert.equal(existsSync(left), false);
  });

  it('prints each command as the shell runs it when CI_DEBUG_TRACE is on', async () => {
    const run = await runScript(['echo "$NAME"'], {
      variables: [variable('CI_DEBUG_TRACE', 'true'), variable('NAME', 'value')],
    });
    assert.match(run.output, /^\++ echo '?value'?$/m);
  });

  it('does not print them when the configuration forbids it', async () => {
    const run = await runScript(['echo "$NAME"'], {
      variables: [variable('CI_DEBUG_TRACE', 'true'), variable('NAME', 'value')],
      runner: { debugTraceDisabled: true },
    });
    assert.equal(plain(run.output), '$ echo "$NAME"\nvalue\n');
  });

  it('expands variables of a release step before any shell sees it, and no other', async () => {
    const parts = { variables: [variable('NAME', "o'ne")] };
    const job = jobWith(
      { script: ["echo '$NAME'"], release: ['echo "$NAME" >release.txt'] },
      parts,
    );
    const { projectDir } = place.variablesOf(job);
    assert.match((await place.run(shell, 'step_script', job)).output, /^\$NAME$/m);
    assert.equal((await place.run(shell, 'step_release', job)).exitCode, 0);
    assert.equal(readFileSync(join(projectDir, 'release.txt'), 'utf8'), "o'ne\n");
  });

  it('fails with a clear line when a command of the configuration contains a NUL byte', async () => {
    const run = await runScript(['echo two'], { runner: { preBuildScript: 'echo o\0ne' } });
    assert.equal(run.exitCode, 1);
    assert.equal(
      plain(run.output),
      'ERROR: command 1 of the script holds a NUL byte, which no shell can run\n',
    );
  });

  it('runs here-documents, functions, traps and comments', async () => {
    const run = await runScript([
      'cat <<EOF\n$((1 + 1))\nEOF',
      "cat <<'END'\n$((1 + 1))\nEND",
      'f() {\n  echo "f $1" # a comment\n}',
      'f x # another',
      "trap 'echo bye' EXIT",
    ]);
    assert.deepEqual(
      plain(run.output)
        .split('\n')
        .filter((line) => !line.startsWith('$ ')),
      ['2', '$((1 + 1))', 'f x', 'bye', ''],
    );
  });
});
