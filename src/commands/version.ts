import temporalSdk from '@temporalio/worker/package.json' with { type: 'json' };
import { GITLAB_RUNNER_RELEASE } from '../domain/runner/release.ts';
import type { ProgramInfo } from '../domain/context/context.ts';

/** Formats the output of `--version`, in gitlab-runner's form. */
export function describeVersion({ version, revision, platform }: ProgramInfo): string {
  return [
    `Version:      ${version}`,
    `Git revision: ${revision}`,
    `Does as:      gitlab-runner ${GITLAB_RUNNER_RELEASE}`,
    `Node version: ${process.version}`,
    `Temporal SDK: ${temporalSdk.version}`,
    `OS/Arch:      ${platform}`,
  ].join('\n');
}
