import assert from 'node:assert/strict';
import { readFileSync, writeFileSync, mkdirSync, symlinkSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import {
  BEGUN_BEFORE,
  CANNOT_BEGIN,
  COPIER_AT_LIMIT,
  COPIER_STALLED,
} from '../../../src/domain/script/stage-state.ts';
import { formatMark } from '../../../src/domain/script/log-marks.ts';
import { shellOptions, wrapStage } from '../../../src/domain/script/wrapper.ts';
import { describeForShells, NONCE, openWorkplace, type Workplace } from './support/stage-runs.ts';

const MAX_OUTPUT_BYTES = 2 * 1024 * 1024;

describeForShells('a wrapped stage', 'all', (shell) => {
  let place: Workplace;
  before(() => {
    place = openWorkplace();
  });
  after(() => place.remove());

  const wrap = (...lines: readonly string[]): string =>
    wrapStage([...shellOptions(), ...lines, ''].join('\n'), {
      paths: { output: place.outputPath, state: place.statePath },
      nonce: NONCE,
      maxOutputBytes: MAX_OUTPUT_BYTES,
    });

  const wrapMarked = (...lines: readonly string[]): string =>
    wrapStage([...shellOptions(), ...lines, ''].join('\n'), {
      paths: { output: place.outputPath, state: place.statePath },
      nonce: NONCE,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      marksLog: true,
    });

  /** The log of a container with both marks of each kind, whatever the order of the streams. */
  const marksOf = (log: string): readonly string[] =>
    log
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  const BEGINS = formatMark(NONCE, 'begins');
  const ENDS = formatMark(NONCE, 'ends');

  it('marks its beginning and its end with 0 in both streams of the container', async () => {
    const run = await place.runText(shell, wrapMarked('echo 1; echo 2 >&2'));
    assert.deepEqual(marksOf(run.containerLog), [BEGINS, BEGINS, ENDS, ENDS]);
    assert.deepEqual([run.exitCode, run.output, run.state], [0, '1\n2\n', { exitCode: 0 }]);
  });

  it('marks no end of a script that fails, or of a shell with a start-up file', async () => {
    const failed = await place.runText(shell, wrapMarked('exit 3'));
    assert.deepEqual([failed.exitCode, marksOf(failed.containerLog)], [3, [BEGINS, BEGINS]]);
    for (const name of ['BASH_ENV', 'ENV']) {
      const run = await place.runText(shell, wrapMarked('true'), { env: { [name]: '/dev/null' } });
      assert.deepEqual([run.exitCode, marksOf(run.containerLog)], [0, [BEGINS, BEGINS]], name);
    }
  });

  it('ends with its own code when nobody reads the container’s log', async () => {
    for (const to of ['>&- 2>&-', '>/dev/full 2>/dev/full']) {
      const run = await place.runText(shell, `exec ${to}\n${wrapMarked('echo 1')}`);
      assert.deepEqual([run.exitCode, run.output, run.state], [0, '1\n', { exitCode: 0 }], to);
    }
  });

  it('adds nothing to the output after its end is marked, whatever still runs', async () => {
    const copy = join(place.dir, 'after');
    const script = wrapMarked(
      '( for each in $(seq 200); do echo again; sleep 0.01; done ) & echo started',
    ).replace('exit "$_runner_code"\nelse', `cp '${place.outputPath}' '${copy}'; sleep 0.3; $&`);
    const run = await place.runText(shell, script);
    assert.deepEqual([run.exitCode, run.state], [0, { exitCode: 0 }]);
    assert.match(run.output, /^started$/m);
    assert.equal(run.output, readFileSync(copy, 'utf8'));
  });

  const endings: readonly [line: string, exitCode: number, why: string][] = [
    ['true', 0, 'all went well'],
    ['exit 7', 7, 'the job says so'],
    ['exit 0; false', 0, 'nothing runs behind an exit'],
    ['false', 1, 'errexit ends it'],
    ['set +e\nfalse', 1, 'the last command counts'],
    ['no-such-program-at-all', 127, 'not found'],
    ["sh -c 'kill -9 $$'", 137, 'killed from inside'],
    ['(exit 3)', 3, 'a subshell fails'],
    ['if false; then echo no; fi', 0, 'a condition is no failure'],
  ];
  for (const [line, exitCode, why] of endings) {
    it(`ends with ${exitCode} after ${JSON.stringify(line)}: ${why}`, async () => {
      const run = await place.runText(shell, wrap(line));
      assert.deepEqual([run.exitCode, run.state], [exitCode, { exitCode }]);
    });
  }

  const notes: readonly [note: string, exitCode: number, noted: number | undefined][] = [
    [NONCE, BEGUN_BEFORE, undefined],
    [`${NONCE} begun 1`, BEGUN_BEFORE, undefined],
    [`${NONCE} 3`, 3, 3],
    [`${NONCE} 0 153`, 0, 0],
  ];
  for (const [note, exitCode, noted] of notes) {
    it(`does not run again after ${JSON.stringify(note)}, and ends with the same code`, async () => {
      const script = `echo '${note}' >'${place.statePath}'\n${wrap('echo again')}`;
      const run = await place.runText(shell, script);
      assert.deepEqual([run.exitCode, run.output], [exitCode, '']);
      assert.equal(run.state?.exitCode, noted, 'the note stays');
    });
  }

  it('runs once when many begin at the same moment', async () => {
    const copy = join(place.dir, 'copy');
    writeFileSync(copy, wrap('echo once', 'sleep 0.3'));
    const each = shell.argv.join(' ');
    const run = await place.runText(
      shell,
      `for each in 1 2 3 4 5 6 7 8; do { ${each} <'${copy}'; echo "$?"; } & done; wait`,
    );
    assert.equal(run.output, 'once\n');
    assert.deepEqual(run.state, { exitCode: 0 });
    const codes = run.containerLog.trim().split('\n').sort();
    assert.deepEqual(codes, ['0', ...Array.from({ length: 7 }, () => String(BEGUN_BEFORE))]);
  });

  it('runs after another stage, whatever that has left in the state file', async () => {
    const script = `echo '${NONCE}0 3' >'${place.statePath}'\n${wrap('echo next')}`;
    const run = await place.runText(shell, script);
    assert.deepEqual([run.exitCode, run.output], [0, 'next\n']);
  });

  it('keeps the order of stdout and stderr, and writes nothing to the container itself', async () => {
    const run = await place.runText(shell, wrap('echo 1; echo 2 >&2; echo 3; echo 4 >&2'));
    assert.equal(run.output, '1\n2\n3\n4\n');
    assert.equal(run.containerLog, '');
  });

  it('loses nothing when a job opens /dev/stdout and /dev/stderr', async () => {
    const lines = [
      'echo 1',
      'echo 2 >/dev/stderr',
      'echo 3 | tee /dev/stderr',
      'echo 4 >/dev/stdout',
    ];
    const run = await place.runText(shell, wrap(...lines));
    assert.equal(run.output, '1\n2\n3\n3\n4\n');
  });

  it('appends to the file and keeps its earlier content', async () => {
    const script = wrap('echo new').replace(
      'trap : INT HUP\n',
      `trap : INT HUP\necho old >>'${place.outputPath}'\n`,
    );
    assert.equal((await place.runText(shell, script)).output, 'old\nnew\n');
  });

  it('passes every byte of a large output on', async () => {
    const lines = 200_000;
    const run = await place.runText(shell, wrap(`seq 1 ${lines}`));
    assert.equal(run.output.length, 1_288_895);
    assert.ok(run.output.endsWith(`\n${lines}\n`));
  });

  it('keeps no more than its limit, lets the job continue, and reports that the log is cut', async () => {
    const script = wrap(
      'head -c 9000000 /dev/zero | tr "\\0" x',
      `cp '${place.outputPath}' '${place.dir}/held'`,
      'echo lost; exit 3',
    );
    const run = await place.runText(shell, script);
    assert.deepEqual(run.state, { exitCode: 3, copierExitCode: COPIER_AT_LIMIT });
    assert.match(run.output, /^x+$/);
    const times = run.output.length / MAX_OUTPUT_BYTES;
    assert.ok(times === 1 || times === 2, `bash counts in other units, but not ${times} times`);
  });

  it('does not limit the job’s own files', async () => {
    const file = join(place.dir, 'large');
    const script = wrap(`head -c 9000000 /dev/zero >'${file}'; ulimit -f; wc -c <'${file}'`);
    const run = await place.runText(shell, script);
    assert.match(run.output, /^unlimited\n *9000000\n$/);
  });

  it('continues under a lower limit that it may not raise', async () => {
    const script = `ulimit -f 100\n${wrap('seq 1 100000; exit 4')}`;
    const run = await place.runText(shell, script);
    assert.deepEqual(run.state, { exitCode: 4, copierExitCode: COPIER_AT_LIMIT });
  });

  it('ends although processes of the job still run and hold its output open', async () => {
    const started = Date.now();
    const run = await place.runText(shell, wrap('sleep 20 & echo started'));
    assert.deepEqual([run.output, run.state], ['started\n', { exitCode: 0 }]);
    assert.ok(Date.now() - started < 10_000);
  });

  it('ends although a process of the job keeps writing, and has all earlier output', async () => {
    const other = openWorkplace();
    const paths = { output: other.outputPath, state: other.statePath };
    const lines = [
      '( n=0; while [ $n -lt 2000 ]; do echo noise; sleep 0.001; n=$((n + 1)); done ) &',
      'echo last',
    ];
    const run = await other.runText(
      shell,
      wrapStage(lines.join('\n'), { paths, nonce: NONCE, maxOutputBytes: MAX_OUTPUT_BYTES }),
    );
    assert.match(run.output, /^last$/m);
    assert.deepEqual(run.state, { exitCode: 0 });
    other.remove();
  });

  /** The script with a copier that copies only after a time, in the state that a file tells. */
  const stalling = (script: string, states: readonly [letter: string, seconds: number][]) => {
    const stat = join(place.dir, 'stat');
    const tell = (letter: string) =>
      `echo '1 (cat) ${letter} 1' >'${stat}.new'; mv '${stat}.new' '${stat}'`;
    const pauses = states.map(([letter, seconds]) => `${tell(letter)}; sleep ${seconds}; `);
    writeFileSync(stat, `1 (cat) ${states[0]?.[0] ?? 'R'} 1\n`);
    return script
      .replaceAll('"/proc/$_runner_copier/stat"', `'${stat}'`)
      .replace(
        /exec cat <&3 3<&- 4>&- 6<&- (>>\S+) \)/,
        `exec 4>&- 6<&-; ${pauses.join('')}cat <&3 $1; ${tell('Z')} )`,
      );
  };

  it('waits for a copier that waits for the disk, and then for the rest of the output', async () => {
    const script = stalling(wrap('echo late'), [
      ['D', 1.5],
      ['R', 0.2],
    ]);
    const run = await place.runText(shell, script.replace('-lt 600', '-lt 60'));
    assert.deepEqual([run.output, run.state], ['late\n', { exitCode: 0 }]);
  });

  it('reports that the log may be cut when the disk takes nothing for long', async () => {
    for (const script of [wrap('exit 3'), wrapMarked('exit 3')]) {
      const short = stalling(script, [['D', 3]]).replaceAll('6000', '100');
      const run = await place.runText(shell, short);
      assert.deepEqual(run.state, { exitCode: 3, copierExitCode: COPIER_STALLED });
    }
  });

  it('waits as long with a sleep that takes whole seconds only', async () => {
    const coarse = 'sleep() { case $1 in *.*) return 1 ;; *) command sleep "$1" ;; esac; }\n';
    const script = stalling(wrap('echo late'), [['R', 2]]);
    const run = await place.runText(shell, coarse + script);
    assert.deepEqual([run.output, run.state], ['late\n', { exitCode: 0 }]);
  });

  it('gives commands an empty stdin, so that none of them reads the script', async () => {
    const run = await place.runText(shell, wrap('cat; read -r x || echo none; echo end'));
    assert.equal(run.output, 'none\nend\n');
  });

  it('lets a job ignore only signals that it chooses to ignore', async () => {
    const run = await place.runText(shell, wrap("grep '^SigIgn' /proc/self/status"));
    const ignored = BigInt(`0x${run.output.trim().split(/\s+/)[1] ?? ''}`);
    const [sigint, sigquit, sigterm] = [2n, 3n, 15n].map(
      (number) => (ignored >> (number - 1n)) & 1n,
    );
    assert.deepEqual([sigint, sigquit, sigterm], [0n, 0n, 0n]);
  });

  it('ends cleanly with 1 after TERM to its processes, and records that', async () => {
    const script = wrap('echo ready; kill -TERM "$(exec sh -c \'echo $PPID\')"; sleep 5; echo no');
    const run = await place.runText(shell, script);
    assert.deepEqual([run.exitCode, run.state], [1, { exitCode: 1 }]);
    assert.equal(run.output, 'ready\n');
  });

  it('records how the stage ended although the main process got TERM meanwhile', async () => {
    const run = await place.runText(shell, wrap('kill -TERM $$; echo on; exit 4'));
    assert.deepEqual([run.exitCode, run.state, run.output], [4, { exitCode: 4 }, 'on\n']);
  });

  it('fails after a script that has sent TERM to the main process, and not after INT or HUP', async () => {
    const idiom = 'die() { echo bad >&2; kill -TERM $$; }; x=$(die); echo on';
    for (const script of [wrap(idiom), wrapMarked(idiom)]) {
      const run = await place.runText(shell, script);
      assert.deepEqual([run.exitCode, run.state, run.output], [1, { exitCode: 1 }, 'bad\non\n']);
      assert.doesNotMatch(run.containerLog, new RegExp(ENDS));
    }
    const spared = await place.runText(shell, wrap('kill -INT $$; kill -HUP $$; echo on'));
    assert.deepEqual([spared.exitCode, spared.state], [0, { exitCode: 0 }]);
  });

  it('fails so also when its output was cut, in an image without cat too', async () => {
    const lines = 'kill -TERM $$; head -c 9000000 /dev/zero | tr "\\0" x';
    const cut = await place.runText(shell, wrap(lines));
    assert.deepEqual(cut.state, { exitCode: 1, copierExitCode: COPIER_AT_LIMIT });
    const bare = wrap('kill -TERM $$; echo on').replace('command -v cat', 'false');
    const run = await place.runText(shell, bare);
    assert.deepEqual([run.exitCode, run.state, run.output], [1, { exitCode: 1 }, 'on\n']);
  });

  it('lets the job clean up when TERM goes to every process but the first, as in a stop', async () => {
    const script = wrap(
      "trap 'echo tidied-up; exit 5' TERM",
      "pid=$(exec sh -c 'echo $PPID')",
      'while [ "$pid" != $$ ]; do',
      '  pids="$pid ${pids-}"',
      "  pid=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$pid/status)",
      'done',
      'kill -TERM $pids',
      'sleep 1; echo no',
    );
    const run = await place.runText(shell, script);
    assert.deepEqual([run.output, run.state], ['tidied-up\n', { exitCode: 5 }]);
  });

  it('shows nothing of the script when its shell is killed', async () => {
    const run = await place.runText(
      shell,
      wrap('secret=hunter2; kill -9 "$(exec sh -c \'echo $PPID\')"'),
    );
    assert.deepEqual(run.state, { exitCode: 137 });
    assert.doesNotMatch(run.output + run.containerLog, /hunter2/);
  });

  it('has read its whole file before the job runs', async () => {
    const script = wrap('sleep 0.3', 'echo mine');
    const run = await place.runText(shell, script, {
      onStart: ({ scriptPath }) => {
        const timer = setInterval(() => {
          if (!readFileSync(place.statePath, 'utf8').startsWith(NONCE)) return;
          clearInterval(timer);
          writeFileSync(scriptPath, `${'echo other; '.repeat(5_000)}\n`);
        }, 5);
      },
    });
    assert.deepEqual([run.output, run.state], ['mine\n', { exitCode: 0 }]);
  });

  it('cannot be ended early by the content of the script', async () => {
    const lines = ["echo 'a", "'; }", ') fi'];
    const run = await place.runText(shell, wrap(...lines));
    assert.notEqual(run.exitCode, 0);
    assert.deepEqual(run.state, { exitCode: run.exitCode });
    assert.match(run.output, /syntax error/i);
  });

  it('runs the commands before a syntax error, then fails with a message', async () => {
    const run = await place.runText(shell, wrap('echo first', 'if then'));
    assert.match(run.output, /^first\n.*(?:syntax|unexpected)/is);
    assert.equal(run.exitCode, 2);
  });

  it('fails the stage when the first part of a pipe fails, in shells that support it', async () => {
    const run = await place.runText(shell, wrap('false | true; echo survived'));
    const canPipefail = shell.name !== 'dash';
    assert.equal(run.exitCode, canPipefail ? 1 : 0);
  });

  it('is not misled by options and variables of the image', async () => {
    const env = { SHELLOPTS: 'noclobber:errexit:xtrace:allexport', IFS: 'abc0123', PS4: 'x' };
    const run = await place.runText(shell, wrap('echo clean; env | grep -c _runner || true'), {
      env,
    });
    assert.deepEqual([run.output, run.state], ['clean\n0\n', { exitCode: 0 }]);
  });

  it('works in an image without cat', async () => {
    const bin = join(place.dir, `bin-${shell.name.replace(' ', '-')}`);
    mkdirSync(bin);
    symlinkSync('/usr/bin/env', join(bin, 'env'));
    const [program, ...args] = shell.argv;
    const absolute = {
      ...shell,
      argv: [join('/usr/bin', program), ...args] as [string, ...string[]],
    };
    // busybox uses its own cat, whatever PATH contains.
    const run = await place.runText(absolute, wrap('echo out; echo err >&2; exit 5'), {
      env: { PATH: bin },
    });
    assert.deepEqual([run.output, run.state], ['out\nerr\n', { exitCode: 5 }]);
  });

  it('tells the container when the runner’s files cannot be written', async () => {
    const script = wrap('echo never').replaceAll(place.statePath, join(place.dir, 'no/such/dir'));
    const run = await place.runText(shell, script);
    assert.deepEqual([run.exitCode, run.state, run.output], [CANNOT_BEGIN, undefined, '']);
    assert.match(run.containerLog, /cannot write to the files of the runner/);
  });

  it('records that it began before the first command runs', async () => {
    const run = await place.runText(shell, wrap(`cp '${place.statePath}' '${place.dir}/seen'`));
    assert.deepEqual(run.state, { exitCode: 0 });
    const seen = readFileSync(join(place.dir, 'seen'), 'utf8');
    assert.match(seen, new RegExp(`^${NONCE} begun \\d+\n$`));
  });

  it('keeps the inodes of the files, because they are mounted', async () => {
    chmodSync(place.dir, 0o500);
    try {
      assert.deepEqual((await place.runText(shell, wrap('true'))).state, { exitCode: 0 });
    } finally {
      chmodSync(place.dir, 0o700);
    }
  });
});
