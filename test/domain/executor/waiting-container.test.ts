import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerSpec } from '../../../src/domain/executor/specs.ts';
import { planEnvironment } from '../../../src/domain/executor/environment.ts';
import {
  awaitsScriptAtStart,
  runsStageLoop,
  letHelperWait,
  letJobStartEarly,
  type EarlyOptions,
  type WaitingOptions,
} from '../../../src/domain/executor/waiting-container.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf } from '../job/context-fixture.ts';

const FILES = {
  script: '/script',
  output: '/output',
  state: '/state',
  nextStage: '/turn',
  wakePipe: '/bell',
};

function planned() {
  const context = contextOf();
  return planEnvironment({
    context,
    variables: buildVariables(context, { jobStatus: 'running' }),
    digests: { md5Hex: () => 'md5', sha256Hex: () => 'sha256' },
  });
}

const OPTIONS: WaitingOptions = {
  imageEntrypoint: [],
  isOfficialImage: false,
  sharesPipes: true,
  hasUmask: false,
  directories: [],
  nextStage: '/turn',
  wakePipe: '/bell',
};

describe('a helper container that waits for its stages', () => {
  const spec = planned().container('helper', 'sha256:1');

  it('has the next-stage file and the wake-up pipe, and leaves the name `build` to the job’s container', () => {
    const waiting = letHelperWait(spec, OPTIONS);
    assert.deepEqual(waiting.fileMounts, [
      { source: '/turn', target: '/.temporal-gitlab-runner/turn', readOnly: true },
      { source: '/bell', target: '/.temporal-gitlab-runner/bell', readOnly: true },
    ]);
    assert.deepEqual(spec.networkAliases, ['build', spec.name]);
    assert.deepEqual(waiting.networkAliases, [spec.name]);
    assert.ok(runsStageLoop(waiting));
  });

  const cases: readonly [
    options: Partial<WaitingOptions>,
    changes: Partial<ContainerSpec>,
    waits: boolean,
    why: string,
  ][] = [
    [{}, {}, true, 'nothing speaks against it'],
    [{ wakePipe: undefined }, {}, false, 'the node makes no named pipes'],
    [{ sharesPipes: false }, {}, false, 'its engine runs in a virtual machine'],
    [{}, { runtime: 'runc' }, true, 'a runtime that shares the kernel of the node'],
    [{}, { runtime: 'runsc' }, false, 'a runtime with a kernel of its own'],
    [{ imageEntrypoint: ['/tool'] }, {}, false, 'the entrypoint may drop the command'],
    [{ imageEntrypoint: ['dumb-init'], isOfficialImage: true }, {}, true, 'this one does not'],
    [{ imageEntrypoint: [''] }, {}, true, 'that is none'],
    [{}, { macAddress: '02:42:00:00:00:01' }, false, 'the job’s container has it too'],
    [{}, { pidMode: 'host' }, false, 'its clean-up would hit the processes of the host'],
  ];
  for (const [options, changes, waits, why] of cases) {
    it(`${waits ? 'is' : 'is not'} made with ${JSON.stringify({ ...options, ...changes })}: ${why}`, () => {
      const ready = letHelperWait({ ...spec, ...changes }, { ...OPTIONS, ...options });
      assert.equal(runsStageLoop(ready), waits);
      if (waits) return;
      assert.deepEqual([ready.command, ready.networkAliases], [spec.command, spec.networkAliases]);
    });
  }

  it('is never the job’s own, which has only its script, its output and its state where it cannot start early', () => {
    const plan = planned();
    const build = plan.container('build', 'sha256:1');
    const found = { files: FILES, images: new Map(), sharesPipes: true, startsEarly: false };
    assert.deepEqual(plan.ready('build', build, found).spec, {
      ...build,
      fileMounts: [
        { source: '/script', target: '/.temporal-gitlab-runner/script', readOnly: true },
        { source: '/output', target: '/.temporal-gitlab-runner/output', readOnly: false },
        { source: '/state', target: '/.temporal-gitlab-runner/state', readOnly: false },
      ],
    });
  });
});

describe('a job’s container that can be started early', () => {
  const spec = planned().container('build', 'sha256:1');
  const options: EarlyOptions = {
    ...{ imageEntrypoint: [], startsEarly: true, directories: [] },
    ...{ nextStage: '/turn', wakePipe: '/bell' },
  };

  it('has the next-stage file and the wake-up pipe, and keeps its name', () => {
    const early = letJobStartEarly(spec, options);
    const targets = early.fileMounts.map(({ target }) => target.replace(/.*\//, ''));
    assert.deepEqual(targets, ['turn', 'bell']);
    assert.deepEqual(early.networkAliases, spec.networkAliases);
    assert.deepEqual(
      [awaitsScriptAtStart(early), runsStageLoop(early), early.opensStdin],
      [true, false, false],
    );
  });

  const cases: readonly [
    options: Partial<EarlyOptions>,
    changes: Partial<ContainerSpec>,
    isEarly: boolean,
    why: string,
  ][] = [
    [{}, {}, true, 'nothing speaks against it'],
    [{ imageEntrypoint: ['/tool'] }, {}, false, 'an entrypoint has to see the sources'],
    [{ imageEntrypoint: [''] }, {}, true, 'that is none'],
    [{ imageEntrypoint: ['/tool'] }, { entrypoint: [''] }, true, 'the job does without it'],
    [{}, { entrypoint: ['/own'] }, false, 'the job has one of its own'],
    [{}, { user: '1000:1000' }, true, 'any user can read its next-stage file'],
    [{ wakePipe: undefined }, {}, false, 'the node makes no named pipes'],
    [{ startsEarly: false }, {}, false, 'its engine cannot'],
    [{}, { runtime: 'kata' }, false, 'a runtime with a kernel of its own'],
    [{}, { macAddress: '02:42:00:00:00:01' }, false, 'the helper has it too'],
    [{}, { pidMode: 'host' }, false, 'its processes are among others'],
  ];
  for (const [changed, changes, isEarly, why] of cases) {
    it(`${isEarly ? 'is' : 'is not'} made with ${JSON.stringify({ ...changed, ...changes })}: ${why}`, () => {
      const ready = letJobStartEarly({ ...spec, ...changes }, { ...options, ...changed });
      assert.equal(awaitsScriptAtStart(ready), isEarly);
      if (isEarly) return;
      assert.deepEqual([ready.command, ready.fileMounts], [spec.command, spec.fileMounts]);
    });
  }

  it('is planned on an engine that can do it', () => {
    const ready = (startsEarly: boolean) =>
      planned().ready('build', spec, {
        files: FILES,
        images: new Map(),
        sharesPipes: true,
        startsEarly,
      }).spec;
    assert.deepEqual([true, false].map(ready).map(awaitsScriptAtStart), [true, false]);
  });
});
