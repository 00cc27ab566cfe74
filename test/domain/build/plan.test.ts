import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needsHelper, planStages } from '../../../src/domain/build/plan.ts';
import type { BuildPlan, PlannedStage } from '../../../src/domain/context/stage.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf, withVariables, type ContextChanges } from '../job/context-fixture.ts';

function planOf(changes: ContextChanges = {}): BuildPlan {
  const context = contextOf(changes);
  return planStages(context, buildVariables(context, { jobStatus: 'running' }));
}

const FILE = { variables: [{ key: 'CONFIG', value: 'secret', file: true }] };

describe('the clean-up', () => {
  it('is the last thing that happens unless it prints something', () => {
    assert.equal(planOf().cleansUpLast, true);
    for (const flag of ['FF_ENABLE_JOB_CLEANUP', 'CI_DEBUG_TRACE']) {
      assert.equal(planOf(withVariables({ [flag]: 'true' })).cleansUpLast, undefined, flag);
    }
  });
});

function places(plan: BuildPlan): Readonly<Record<string, string>> {
  const { preparation, steps, afterScript, cleanup } = plan;
  const all = [...preparation, ...steps, afterScript, cleanup].filter((one) => one !== undefined);
  return Object.fromEntries(all.map(({ name, place }) => [name, place]));
}

describe('the stages of a build', () => {
  type Case = [why: string, changes: ContextChanges, expected: Record<string, string>];
  const cases: Case[] = [
    [
      'a fetched checkout stays on its volume, so it is tidied up',
      {},
      {
        prepare_script: 'runner',
        get_sources: 'helper',
        step_script: 'build',
        cleanup_file_variables: 'helper',
      },
    ],
    [
      'a clone goes with its temporary volume',
      withVariables({ GIT_STRATEGY: 'clone' }),
      { prepare_script: 'runner', get_sources: 'helper', step_script: 'build' },
    ],
    [
      'a clone into a directory of the host stays there',
      { ...withVariables({ GIT_STRATEGY: 'clone' }), volumes: ['/srv/builds:/builds'] },
      {
        prepare_script: 'runner',
        get_sources: 'helper',
        step_script: 'build',
        cleanup_file_variables: 'helper',
      },
    ],
    [
      'without git there is nothing to do in the helper',
      withVariables({ GIT_STRATEGY: 'none' }),
      { prepare_script: 'runner', get_sources: 'runner', step_script: 'build' },
    ],
    ...['none', 'empty'].map((strategy): Case => [
      `the job’s git has a credential helper with strategy ${strategy} too`,
      withVariables({ GIT_STRATEGY: strategy, FF_GIT_URLS_WITHOUT_TOKENS: 'true' }),
      { prepare_script: 'runner', get_sources: 'helper', step_script: 'build' },
    ]),
    ...['none', 'empty'].map((strategy): Case => [
      `git’s files for that would stay in a directory of the host with strategy ${strategy}`,
      {
        ...withVariables({ GIT_STRATEGY: strategy, FF_GIT_URLS_WITHOUT_TOKENS: 'true' }),
        volumes: ['/srv/builds:/builds'],
      },
      {
        prepare_script: 'runner',
        get_sources: 'helper',
        step_script: 'build',
        cleanup_file_variables: 'helper',
      },
    ]),
    [
      'what an earlier job has kept is fetched after the sources',
      {
        job: {
          variables: [{ key: 'GIT_STRATEGY', value: 'none' }],
          dependencies: [
            { id: 1, artifacts_file: { filename: '' } },
            { id: 2, artifacts_file: { filename: 'a.zip', size: 1 } },
          ],
        },
      },
      {
        prepare_script: 'runner',
        get_sources: 'runner',
        download_artifacts: 'transfer',
        step_script: 'build',
      },
    ],
    [
      'where no earlier job has kept anything there is nothing to fetch',
      {
        job: {
          variables: [{ key: 'GIT_STRATEGY', value: 'none' }],
          dependencies: [{ id: 1, artifacts_file: { filename: '' } }],
        },
      },
      { prepare_script: 'runner', get_sources: 'runner', step_script: 'build' },
    ],
    [
      'a new volume is empty by itself',
      withVariables({ GIT_STRATEGY: 'empty' }),
      { prepare_script: 'runner', get_sources: 'runner', step_script: 'build' },
    ],
    [
      'a directory of the host has to be emptied, and the GITLAB_ENV file to be removed',
      { ...withVariables({ GIT_STRATEGY: 'empty' }), volumes: ['/srv/builds:/builds'] },
      {
        prepare_script: 'runner',
        get_sources: 'helper',
        step_script: 'build',
        cleanup_file_variables: 'helper',
      },
    ],
    [
      'the GITLAB_ENV file would stay in a directory of the host without git too',
      { ...withVariables({ GIT_STRATEGY: 'none' }), volumes: ['/srv/builds:/builds'] },
      {
        prepare_script: 'runner',
        get_sources: 'runner',
        step_script: 'build',
        cleanup_file_variables: 'helper',
      },
    ],
    ...[true, false].map((isOn): Case => [
      `only the checkout stays on a mount of its own, and the flag to remove it is ${isOn}`,
      {
        ...withVariables({ GIT_STRATEGY: 'clone', FF_ENABLE_JOB_CLEANUP: `${isOn}` }),
        volumes: ['/srv/app:/builds/group/app'],
      },
      {
        prepare_script: 'runner',
        get_sources: 'helper',
        step_script: 'build',
        ...(isOn && { cleanup_file_variables: 'helper' }),
      },
    ]),
    [
      'file variables go with a temporary volume',
      { job: { allow_git_fetch: false, ...FILE } },
      { prepare_script: 'runner', get_sources: 'helper', step_script: 'build' },
    ],
    [
      'file variables would stay in a directory of the host',
      {
        volumes: ['/srv/builds:/builds'],
        job: { variables: [...FILE.variables, { key: 'GIT_STRATEGY', value: 'none' }] },
      },
      {
        prepare_script: 'runner',
        get_sources: 'runner',
        step_script: 'build',
        cleanup_file_variables: 'helper',
      },
    ],
    [
      'steps keep their order, those without a line are left out, names are lower-cased',
      {
        job: {
          allow_git_fetch: false,
          steps: [
            { name: 'script', script: ['make'] },
            { name: 'empty', script: [] },
            { name: 'Release', script: ['release'] },
            { name: 'after_script', script: ['tidy'] },
          ],
        },
      },
      {
        prepare_script: 'runner',
        get_sources: 'helper',
        step_script: 'build',
        step_release: 'build',
        after_script: 'build',
      },
    ],
  ];
  for (const [why, changes, expected] of cases) {
    it(`${Object.keys(expected).join(', ')}: ${why}`, () => {
      const plan = planOf(changes);
      assert.deepEqual(places(plan), expected);
      const context = contextOf(changes);
      const variables = buildVariables(context, { jobStatus: 'running' });
      const hasHelper = needsHelper(plan, { context, variables });
      assert.equal(hasHelper, Object.values(expected).includes('helper'));
    });
  }

  it('an after_script without lines is no stage', () => {
    const steps = [
      { name: 'script', script: ['make'] },
      { name: 'after_script', script: [] },
    ];
    assert.equal(planOf({ job: { steps } }).afterScript, undefined);
  });

  it('only the sources are tried as often as the job says', () => {
    const plan = planOf(withVariables({ GET_SOURCES_ATTEMPTS: '3' }));
    assert.deepEqual(
      [...plan.preparation, ...plan.steps].map(({ attempts }) => attempts),
      [1, 3, 1],
    );
  });

  it('a job that could not be parsed still has a plan', () => {
    const plan = planOf({ job: { steps: [], image: null, git_info: null, job_info: null } });
    assert.deepEqual(plan.steps, []);
  });
});

describe('the time limits of a build', () => {
  const hour = 3_600_000;
  const cases: [
    why: string,
    changes: ContextChanges,
    expected: Pick<BuildPlan, 'jobTimeoutMs' | 'scriptTimeoutMs' | 'afterScriptTimeoutMs'>,
  ][] = [
    [
      'the usual ones',
      {},
      { jobTimeoutMs: hour, scriptTimeoutMs: undefined, afterScriptTimeoutMs: 300_000 },
    ],
    [
      'unknown to GitLab: two hours',
      { job: { runner_info: { timeout: 0 } } },
      { jobTimeoutMs: 2 * hour, scriptTimeoutMs: undefined, afterScriptTimeoutMs: 300_000 },
    ],
    [
      'as the job says',
      withVariables({ RUNNER_SCRIPT_TIMEOUT: '1m30s', RUNNER_AFTER_SCRIPT_TIMEOUT: '10s' }),
      { jobTimeoutMs: hour, scriptTimeoutMs: 90_000, afterScriptTimeoutMs: 10_000 },
    ],
    [
      'never longer than the job',
      withVariables({ RUNNER_SCRIPT_TIMEOUT: '2h', RUNNER_AFTER_SCRIPT_TIMEOUT: '3h' }),
      { jobTimeoutMs: hour, scriptTimeoutMs: hour, afterScriptTimeoutMs: hour },
    ],
    [
      'nonsense is as good as nothing',
      withVariables({ RUNNER_SCRIPT_TIMEOUT: '-5m', RUNNER_AFTER_SCRIPT_TIMEOUT: 'soon' }),
      { jobTimeoutMs: hour, scriptTimeoutMs: undefined, afterScriptTimeoutMs: 300_000 },
    ],
    [
      'a timer counts whole milliseconds, and at least one',
      withVariables({ RUNNER_SCRIPT_TIMEOUT: '10ns' }),
      { jobTimeoutMs: hour, scriptTimeoutMs: 1, afterScriptTimeoutMs: 300_000 },
    ],
  ];
  for (const [why, changes, expected] of cases) {
    it(`${JSON.stringify(expected)}: ${why}`, () => {
      const { jobTimeoutMs, scriptTimeoutMs, afterScriptTimeoutMs } = planOf(changes);
      assert.deepEqual({ jobTimeoutMs, scriptTimeoutMs, afterScriptTimeoutMs }, expected);
    });
  }

  it('a failed after_script is ignored unless the job says otherwise', () => {
    assert.equal(planOf().afterScriptIgnoreErrors, true);
    const strict = planOf(withVariables({ AFTER_SCRIPT_IGNORE_ERRORS: 'false' }));
    assert.equal(strict.afterScriptIgnoreErrors, false);
  });
});

describe('the plan as the Temporal UI shows it', () => {
  it('contains no value of a variable', () => {
    const plan = planOf(withVariables({ PASSWORD: 'hunter2-hunter2', GIT_DEPTH: 'hunter2' }));
    assert.doesNotMatch(JSON.stringify(plan), /hunter2/);
  });
});

describe('the stages of caches', () => {
  const names = (cache: readonly Readonly<Record<string, unknown>>[]) => {
    const { preparation, finish } = planOf({ job: { cache } });
    return [preparation, finish?.onSuccess ?? [], finish?.onFailure ?? []].map((stages) =>
      stages.map(({ name }) => name).filter((name) => name.includes('cache')),
    );
  };
  const paths = ['vendor'];
  const cases: [
    why: string,
    cache: readonly Readonly<Record<string, unknown>>[],
    expected: readonly (readonly string[])[],
  ][] = [
    ['none', [], [[], [], []]],
    ['one without files', [{ key: 'k' }], [[], [], []]],
    ['the usual one', [{ paths }], [['restore_cache'], ['archive_cache'], []]],
    ['untracked files', [{ untracked: true }], [['restore_cache'], ['archive_cache'], []]],
    [
      'one for failures',
      [{ paths, when: 'on_failure' }],
      [['restore_cache'], [], ['archive_cache_on_failure']],
    ],
    [
      'one for whatever happens',
      [{ paths, when: 'always' }],
      [['restore_cache'], ['archive_cache'], ['archive_cache_on_failure']],
    ],
    [
      'a policy only makes the stage say so',
      [{ paths, policy: 'push' }],
      [['restore_cache'], ['archive_cache'], []],
    ],
  ];
  for (const [why, cache, expected] of cases) {
    it(`are ${JSON.stringify(expected)}: ${why}`, () => {
      assert.deepEqual(names(cache), expected);
    });
  }

  it('restoring is tried as often as the job says', () => {
    const plan = planOf({
      job: { cache: [{ paths }], variables: [{ key: 'RESTORE_CACHE_ATTEMPTS', value: '4' }] },
    });
    assert.equal(plan.preparation.find(({ name }) => name === 'restore_cache')?.attempts, 4);
  });
});

describe('the upload stages', () => {
  const cases: [
    artifacts: readonly Readonly<Record<string, unknown>>[],
    onSuccess: boolean,
    onFailure: boolean,
    why: string,
  ][] = [
    [[], false, false, 'there is nothing'],
    [[{ paths: ['a'] }], true, false, 'success is what is usual'],
    [[{ paths: ['a'], when: 'on_success' }], true, false, 'as it says'],
    [[{ paths: ['a'], when: 'on_failure' }], false, true, 'as it says'],
    [[{ paths: ['a'], when: 'always' }], true, true, 'as it says'],
    [[{ paths: ['a'], when: 'manual' }], false, false, 'what nobody knows is never met'],
    [[{ untracked: true }], true, false, 'files need no paths'],
    [[{ exclude: ['a'] }], true, false, 'nothing will be found, which is said'],
    [[{ name: 'n' }, { paths: [] }], false, false, 'entries without files are skipped'],
    [
      [{ paths: ['a'] }, { paths: ['b'], when: 'on_failure' }],
      true,
      true,
      'each entry counts by itself',
    ],
  ];
  for (const [artifacts, onSuccess, onFailure, why] of cases) {
    it(`of ${JSON.stringify(artifacts)}: ${why}`, () => {
      const { finish } = planOf({ job: { artifacts } });
      const names = (stages: readonly PlannedStage[] = []): string[] =>
        stages.filter(({ place }) => place === 'transfer').map(({ name }) => name);
      assert.deepEqual(names(finish?.onSuccess), onSuccess ? ['upload_artifacts_on_success'] : []);
      assert.deepEqual(names(finish?.onFailure), onFailure ? ['upload_artifacts_on_failure'] : []);
    });
  }
});
