import { describeScenarios } from '../support/scenario.ts';
import type { FakeVariable } from '../support/fake-gitlab/types.ts';

const variable = (key: string, value: string): FakeVariable => ({ key, value });
const CLONE = variable('GIT_STRATEGY', 'clone');

describeScenarios('settings of sources', {}, [
  {
    title: 'hooks of the job run before and after the sources, in the helper',
    job: {
      script: ['echo ran'],
      payload: {
        hooks: [
          { name: 'pre_get_sources_script', script: ['echo "before"'] },
          { name: 'post_get_sources_script', script: ['echo "behind with $(ls README.md)"'] },
        ],
      },
    },
    expected: {
      state: 'success',
      log: [/^before$/m, 'Checking out', /^behind with README\.md$/m, /^ran$/m],
    },
  },
  {
    title: 'GIT_CHECKOUT=false fetches and leaves the directory as it is',
    job: {
      script: ['test ! -e README.md && echo "no files"'],
      variables: [CLONE, variable('GIT_CHECKOUT', 'false')],
    },
    expected: { state: 'success', log: ['Skipping Git checkout', /^no files$/m] },
  },
  {
    title: 'GIT_CLONE_PATH chooses a directory below that of all builds',
    job: {
      script: ['pwd', 'ls README.md'],
      variables: [CLONE, variable('GIT_CLONE_PATH', '$CI_BUILDS_DIR/elsewhere/app')],
    },
    expected: { state: 'success', log: [/^\/builds\/elsewhere\/app$/m, /^README\.md$/m] },
  },
  {
    title: 'GIT_CLONE_PATH outside of that fails the job as a configuration error',
    job: { script: ['pwd'], variables: [variable('GIT_CLONE_PATH', '/etc')] },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: [/GIT_CLONE_PATH/],
    },
  },
  {
    title: 'a merge request’s own ref is fetched and checked out',
    job: async ({ gitlab }) => {
      const sha = await gitlab.repository.commit({ 'feature.txt': 'of a feature\n' }, 'feature');
      return {
        sha,
        ref: 'refs/merge-requests/7/head',
        script: ['cat feature.txt', 'cat .git/refs/merge-requests/7/head'],
        variables: [CLONE],
        payload: { git_info: { refspecs: ['+refs/heads/feature:refs/merge-requests/7/head'] } },
      };
    },
    expected: {
      state: 'success',
      log: ['(ref is refs/merge-requests/7/head)', /^of a feature$/m, /^[0-9a-f]{40}$/m],
    },
  },
  {
    title: 'a tag’s own commit is checked out, and the tag is there',
    job: async ({ gitlab }) => {
      const sha = await gitlab.repository.commit({ 'release.txt': 'of a release\n' }, 'release');
      return {
        sha,
        ref: 'v1.0',
        script: ['cat release.txt', 'cat .git/refs/tags/v1.0'],
        variables: [CLONE],
        payload: {
          git_info: { ref_type: 'tag', refspecs: ['+refs/heads/release:refs/tags/v1.0'] },
        },
      };
    },
    expected: {
      state: 'success',
      log: ['as detached HEAD (ref is v1.0)', /^of a release$/m, /^[0-9a-f]{40}$/m],
    },
  },
  {
    title: 'GIT_FETCH_EXTRA_FLAGS are passed to git unchanged',
    job: {
      script: ['true'],
      variables: [CLONE, variable('GIT_FETCH_EXTRA_FLAGS', '--verbose --no-tags')],
    },
    expected: { state: 'success', log: ['Fetching changes', /POST git-upload-pack/] },
  },
  {
    title: 'unknown flags fail the job with git’s message at every try',
    job: {
      script: ['echo ran'],
      variables: [
        CLONE,
        variable('GIT_FETCH_EXTRA_FLAGS', '--no-such-flag'),
        variable('GET_SOURCES_ATTEMPTS', '2'),
        variable('FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY', 'false'),
      ],
    },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 129,
      log: ['unknown option', 'Getting source from Git repository', 'unknown option'],
      never: ['$ echo ran'],
    },
  },
  {
    title: 'an unknown strategy causes a warning, and the default is used',
    job: { script: ['ls README.md'], variables: [variable('GIT_STRATEGY', 'copy')] },
    expected: {
      state: 'success',
      log: [/WARNING: GIT_STRATEGY: expected either/, /^README\.md$/m],
    },
  },
  {
    title: 'submodules are fetched with the job’s token when the job asks for them',
    job: async ({ gitlab }) => {
      const { repository } = gitlab;
      const inner = repository.headSha;
      const sha = await repository.commit(
        {
          '.gitmodules': '[submodule "inner"]\n\tpath = inner\n\turl = ../project.git\n',
          [`submodule inner ${inner}`]: '',
        },
        'with-submodule',
      );
      return {
        sha,
        ref: 'with-submodule',
        script: ['head -1 inner/README.md', 'grep -c . inner/.git'],
        variables: [CLONE, variable('GIT_SUBMODULE_STRATEGY', 'recursive')],
      };
    },
    expected: {
      state: 'success',
      log: ['Updating/initializing submodules recursively', 'Updated submodules', '# A project'],
    },
  },
  {
    title: 'a job without a strategy for submodules gets none',
    job: { script: ['true'], variables: [CLONE] },
    expected: { state: 'success', log: ['Skipping Git submodules setup'] },
  },
  {
    title: 'an unknown strategy for submodules fails the job',
    job: { script: ['echo ran'], variables: [CLONE, variable('GIT_SUBMODULE_STRATEGY', 'all')] },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 1,
      log: ['unknown GIT_SUBMODULE_STRATEGY'],
    },
  },
]);

describeScenarios(
  'scripts of the configuration',
  {
    runnerToml: [
      `  pre_get_sources_script = "echo config-before-sources"`,
      `  post_get_sources_script = "echo config-behind-sources"`,
      `  pre_build_script = "word=of-config; echo config-before-script"`,
      `  post_build_script = "echo config-behind-script"`,
    ].join('\n'),
  },
  [
    {
      title: 'run around the sources and in the shell of the script, but not in after_script',
      job: {
        script: ['echo "script knows $word"'],
        afterScript: ['echo "after_script knows <$word>"'],
      },
      expected: {
        state: 'success',
        log: [
          /^config-before-sources$/m,
          'Checking out',
          /^config-behind-sources$/m,
          /^config-before-script$/m,
          /^script knows of-config$/m,
          /^config-behind-script$/m,
          /^after_script knows <>$/m,
        ],
      },
    },
    {
      title: 'a release step runs after the script, with variables expanded, and can fail the job',
      job: {
        payload: {
          steps: [
            { name: 'script', script: ['echo built'] },
            { name: 'release', script: ["echo 'release of $CI_COMMIT_REF_NAME'", 'exit 7'] },
            { name: 'after_script', script: ['echo "status $CI_JOB_STATUS"'] },
          ],
        },
      },
      expected: {
        state: 'failed',
        failureReason: 'script_failure',
        exitCode: 7,
        log: [
          /^built$/m,
          'Executing "step_release" stage of the job script',
          /^release of main$/m,
          /^status failed$/m,
        ],
      },
    },
  ],
);
