import { SUPPORTED_EXECUTOR_OPTIONS } from './parse-image.ts';
import type { GitInfo, JobPayload, JobStep } from './payload.ts';
import { quoteText } from '../quote-text.ts';

type Check = (job: JobPayload) => string | undefined;

/** The first check that returns a message decides. */
const CHECKS: readonly Check[] = [
  checkRun,
  checkExecutorOptions,
  ({ steps }) => checkSteps(steps),
  ({ git_info }) => checkGit(git_info),
];

/**
 * Returns why this runner cannot run the job, as a message for its trace; undefined when it can.
 * Such a job fails before anything of it begins. Source: gitlab-runner `commands/multi.go`
 * (requestJob), `common/spec/spec.go` (UnsupportedOptions, ValidateStepsJobRequest). The checks
 * of steps and of git's values are our own.
 */
export function checkJob(job: JobPayload): string | undefined {
  for (const check of CHECKS) {
    const message = check(job);
    if (message !== undefined) return message;
  }
  return undefined;
}

function checkRun({ run, steps }: JobPayload): string | undefined {
  if (run === '') return undefined;
  if (steps.some(hasScript)) return 'the `run` and `script` keywords cannot be used together';
  return 'the `run` keyword is not supported by this runner: use `script`';
}

function checkExecutorOptions({ image, services }: JobPayload): string | undefined {
  const places = [
    { place: 'image', options: image.executor_opts.unsupported },
    ...services.map(({ executor_opts }, index) => ({
      place: `services[${index}]`,
      options: executor_opts.unsupported,
    })),
  ];
  const bad = places.find(({ options }) => options.length > 0);
  if (bad === undefined) return undefined;
  const names = bad.options.map((one) => quoteText(one)).join(', ');
  const supported = SUPPORTED_EXECUTOR_OPTIONS.join(', ');
  return `unsupported executor options ${names} for ${bad.place}; supported options are ${supported}`;
}

/** Step names become names of sections and of stages. */
const STEP_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

function checkSteps(steps: readonly JobStep[]): string | undefined {
  const withScript = steps.filter(hasScript);
  if (withScript.length === 0) return 'the job has no script';
  const odd = withScript.find(({ name }) => !STEP_NAME.test(name));
  if (odd !== undefined) {
    return `the step ${quoteText(odd.name)} has a name that this runner cannot use for a stage`;
  }
  const names = withScript.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  // Invariant: a stage is identified by its name, so that a stage that has run is recognised.
  return twice === undefined ? undefined : `the job has more than one step ${quoteText(twice)}`;
}

function hasScript({ script }: JobStep): boolean {
  return script.length > 0;
}

/** Refuses values that git would take for options or commands, or could not check out. */
function checkGit(git: GitInfo): string | undefined {
  const { sha, repo_object_format: format } = git;
  if (sha !== '' && !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(sha)) {
    return `the commit ${quoteText(sha)} is not a hash of 40 or 64 hex digits`;
  }
  const option = [git.ref, ...git.refspecs].find((text) => text.startsWith('-'));
  if (option !== undefined) return `the ref ${quoteText(option)} looks like an option of git`;
  if (git.repo_url.startsWith('-') || /^[^/:]*::/.test(git.repo_url)) {
    return 'the address of the repository is not one of a server';
  }
  return ['', 'sha1', 'sha256'].includes(format)
    ? undefined
    : `the repository's object format ${quoteText(format)} is not known: sha1 and sha256 are`;
}
