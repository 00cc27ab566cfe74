import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageName } from '../../../src/domain/context/stage.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import {
  formatHeader,
  formatImageLine,
  formatRunnerStage,
  stageTitle,
} from '../../../src/domain/script/titles.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

const E = '\u001b[';

const titles: readonly [stage: StageName, title: string][] = [
  ['prepare_executor', 'Preparing the "docker" executor'],
  ['prepare_script', 'Preparing environment'],
  ['get_sources', 'Getting source from Git repository'],
  ['restore_cache', 'Restoring cache'],
  ['download_artifacts', 'Downloading artifacts'],
  ['step_script', 'Executing "step_script" stage of the job script'],
  ['step_release', 'Executing "step_release" stage of the job script'],
  ['after_script', 'Running after_script'],
  ['archive_cache', 'Saving cache for successful job'],
  ['archive_cache_on_failure', 'Saving cache for failed job'],
  ['upload_artifacts_on_success', 'Uploading artifacts for successful job'],
  ['upload_artifacts_on_failure', 'Uploading artifacts for failed job'],
  ['cleanup_file_variables', 'Cleaning up project directory and file based variables'],
];

describe('the title of a stage', () => {
  for (const [stage, title] of titles) {
    it(`of ${stage} is ${JSON.stringify(title)}, bold cyan`, () => {
      assert.equal(stageTitle(stage), `${E}0K${E}36;1m${title}${E}0;m${E}0;m\n`);
    });
  }
});

describe('the first lines of a trace', () => {
  const headerOf = (changes: ContextChanges = {}): string => {
    const context = contextOf(changes);
    return formatHeader(context, buildVariables(context, { jobStatus: 'running' }));
  };

  it('name program, runner and machine, and only the short form of the token', () => {
    assert.equal(
      headerOf(),
      `${E}0KRunning with temporal-gitlab-runner 1.2.3 (abcdef12)${E}0;m\n` +
        `${E}0K  on runner one AbCdEfGhI, system ID: s_0123456789ab${E}0;m\n`,
    );
  });

  it('name flags that differ from their defaults, then settings that cannot be used', () => {
    const header = headerOf({
      runner: { featureFlags: { FF_SCRIPT_SECTIONS: true, FF_TIMESTAMPS: false } },
      job: { variables: [{ key: 'GIT_CHECKOUT', value: 'maybe' }] },
    });
    assert.deepEqual(header.split('\n').slice(2), [
      `${E}0K  feature flags: FF_SCRIPT_SECTIONS:true, FF_TIMESTAMPS:false${E}0;m`,
      `${E}0;33mWARNING: GIT_CHECKOUT: expected bool got "maybe", using default value: true${E}0;m`,
      '',
    ]);
  });

  it('are followed by the image', () => {
    assert.equal(
      formatImageLine('alpine:3'),
      `${E}0KUsing Docker executor with image alpine:3 ...${E}0;m\n`,
    );
  });
});

describe('a stage that needs no container', () => {
  const textOf = (stage: StageName, changes: ContextChanges = {}): string => {
    const context = contextOf(changes);
    return formatRunnerStage(stage, context, buildVariables(context, { jobStatus: 'running' }));
  };
  const strategy = (value: string) => ({
    job: { variables: [{ key: 'GIT_STRATEGY', value }] },
  });

  it('tells where the job runs', () => {
    assert.equal(
      textOf('prepare_script'),
      `${E}0KRunning on runner-abcdefghi-project-42-concurrent-1 via node-1...${E}0;m\n`,
    );
  });

  it('tells the host name of the configuration', () => {
    const { docker } = contextOf().runner;
    assert.match(
      textOf('prepare_script', { runner: { docker: { ...docker, hostname: 'mine' } } }),
      /Running on mine via node-1/,
    );
  });

  it('tells that there are no sources', () => {
    const green = (text: string): string => `${E}32;1m${text}${E}0;m\n`;
    const rest = green('Skipping Git checkout') + green('Skipping Git submodules setup');
    assert.equal(
      textOf('get_sources', strategy('none')),
      green('Skipping Git repository setup') + rest,
    );
    assert.equal(
      textOf('get_sources', strategy('empty')),
      green('Skipping Git repository setup and creating an empty build directory') + rest,
    );
  });

  it('prints nothing for a stage without a line', () => {
    assert.equal(textOf('cleanup_file_variables'), '');
  });
});
