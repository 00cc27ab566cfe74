import type { BuildContext } from '../context/context.ts';
import type { Variables } from '../variables/variables.ts';
import { ENV_FILE_PREFIX } from './exports.ts';
import { gitFiles } from './git-files.ts';
import { removeDirectory, resetGit } from './git-reset.ts';
import { cleanSubmodules } from './git-submodules.ts';
import { rejectCredentials } from './git-sources.ts';
import { readGitSettings, type GitSettings } from './git-settings.ts';
import { planGitUrls } from './git-urls.ts';
import { command, quote } from './quote.ts';
import { sayNotice } from './say.ts';

/**
 * Body of `cleanup_file_variables`: removes secrets from the disk, and everything from the checkout
 * that the job may have planted for the next one. It runs as root after the job, so it reads
 * nothing that the job left: neither its variables nor its GITLAB_ENV file. git is called only
 * after its configuration is removed. Source: gitlab-runner `shells/abstract.go`
 * (writeCleanupScript).
 */
export function cleanupBody(context: BuildContext, variables: Variables): readonly string[] {
  const settings = readGitSettings(context, variables);
  const { external, global } = gitFiles(variables);
  const files = variables.files().map(({ path }) => path);
  return [
    'cd /',
    // Those of earlier builds too.
    `rm -rf ${quote(variables.tempDir)}/${ENV_FILE_PREFIX}*`,
    command('rm', '-rf', external, global, ...files),
    ...(settings.cleansConfig ? resetGit(variables, settings) : []),
    ...rejectCredentials(planGitUrls(context, variables)),
    ...(variables.featureFlags.isOn('FF_ENABLE_JOB_CLEANUP')
      ? cleanProject(variables, settings)
      : []),
  ];
}

function cleanProject(variables: Variables, settings: GitSettings): readonly string[] {
  const { projectDir } = variables;
  switch (settings.strategy) {
    case 'clone':
    case 'empty':
      return removeDirectory(projectDir);
    case 'none':
      return [sayNotice('Skipping build directory cleanup step')];
    case 'fetch':
      return [
        `if [ -d ${quote(`${projectDir}/.git`)} ]; then`,
        command('cd', projectDir),
        ...(settings.cleanFlags.length > 0
          ? [command('git', 'clean', ...settings.cleanFlags)]
          : []),
        command('git', 'reset', '--hard'),
        ...cleanSubmodules(settings),
        'fi',
      ];
  }
}
