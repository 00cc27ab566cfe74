import packageJson from '../../package.json' with { type: 'json' };
import type { ProgramInfo } from '../domain/build/context.ts';

/** What `--version` prints, in gitlab-runner's form. */
export function describeVersion({ version, revision, platform }: ProgramInfo): string {
  const temporal = packageJson.dependencies['@temporalio/worker'];
  return [
    `Version:      ${version}`,
    `Git revision: ${revision}`,
    `Node version: ${process.version}`,
    `Temporal SDK: ${temporal}`,
    `OS/Arch:      ${platform}`,
  ].join('\n');
}
