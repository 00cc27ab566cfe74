import type { JobSpec } from '../support/fake-gitlab/types.ts';
import { describeScenarios, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';

/**
 * Returns a job with `inputs:` as in .gitlab-ci.yml, and with the values that a person has chosen.
 */
function withInputs(
  job: JobSpec,
  inputs: Readonly<Record<string, string | number | boolean | readonly string[]>>,
): JobSpec {
  const wire = Object.entries(inputs).map(([key, content]) => ({
    key,
    value: {
      type: Array.isArray(content) ? 'array' : typeof content,
      content,
      sensitive: key === 'password',
    },
  }));
  return { ...job, variables: [NO_GIT, ...(job.variables ?? [])], payload: { inputs: wire } };
}

describeScenarios('inputs of a job', {}, [
  {
    title: 'the script contains the values that the user has chosen',
    job: withInputs(
      {
        script: [
          'echo "to ${{ job.inputs.target }}, ${{ job.inputs.replicas }} times, ${{ job.inputs.debug }}"',
          "echo '${{ job.inputs.tags }}' ${{ job.inputs.tags[1] }}",
        ],
      },
      { target: 'staging', replicas: 3, debug: false, tags: ['smoke', 'full'] },
    ),
    expected: {
      state: 'success',
      log: [
        '$ echo "to staging, 3 times, false"',
        /^to staging, 3 times, false$/m,
        /^\["smoke","full"\] full$/m,
      ],
    },
  },
  {
    title: 'inputs choose flags of a command, and count in after_script too',
    job: withInputs(
      {
        script: [
          'echo test${{ job.inputs.verbose && " -v" || "" }}${{ job.inputs.fast && " -f" || "" }}',
        ],
        afterScript: ['echo "after ${{ str(num(job.inputs.count) + 1) }}"'],
      },
      { verbose: true, fast: false, count: '41' },
    ),
    expected: { state: 'success', log: [/^test -v$/m, /^after 42$/m] },
  },
  {
    title: 'an input names the image of the job',
    job: withInputs(
      { image: '${{ job.inputs.image }}', script: ['echo "in $CI_JOB_IMAGE"'] },
      { image: JOB_IMAGE },
    ),
    expected: { state: 'success', log: [`in ${JOB_IMAGE}`] },
  },
  {
    title: 'an escaped expression is left in the script',
    job: withInputs({ script: ["echo '\\${{ job.inputs.x }}'"] }, { x: 'never' }),
    expected: { state: 'success', log: [/^\$\{\{ job\.inputs\.x \}\}$/m] },
  },
  {
    title: 'a job without inputs keeps what looks like an expression',
    job: { script: ["echo '${{ github.sha }} ${{ broken'"], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^\$\{\{ github\.sha \}\} \$\{\{ broken$/m] },
  },
  {
    title: 'a job that turns interpolation off keeps its expressions',
    job: withInputs(
      {
        script: ["echo '${{ job.inputs.x }}'"],
        variables: [{ key: 'FF_ENABLE_JOB_INPUTS_INTERPOLATION', value: 'false' }],
      },
      { x: 'never' },
    ),
    expected: { state: 'success', log: [/^\$\{\{ job\.inputs\.x \}\}$/m] },
  },
  {
    title: 'a job that uses an unknown input fails before it begins, and the log names the place',
    job: withInputs({ script: ['echo ran', 'echo ${{ job.inputs.tpyo }}'] }, { x: 'y' }),
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['ERROR: Job failed: failed to interpolate job inputs: script[1]: there is no "tpyo"'],
      never: ['$ echo ran'],
    },
  },
  {
    title: 'a job that uses a sensitive input fails, and the input is not shown',
    job: withInputs({ script: ['echo ${{ job.inputs.password }}'] }, { password: 'hunter2' }),
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['ERROR: Job failed: script[0]: sensitive inputs are unsupported'],
      never: ['hunter2'],
    },
  },
  {
    title:
      'an input is inserted unquoted, as GitLab documents it: its quotes end those of the script',
    job: withInputs({ script: ['echo "${{ job.inputs.text }}"'] }, { text: 'a" b "c' }),
    expected: { state: 'success', log: ['$ echo "a" b "c"', /^a b c$/m] },
  },
]);
