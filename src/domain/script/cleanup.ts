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
 * Body of `cleanup_file_variables`: secrets go from the disk, and from the checkout what the job may
 * have planted for the next. Runs as root behind the job's back, so nothing that the job left is
 * read: neither its variables nor its GITLAB_ENV file, and git is called only after its
 * configuration is gone. Source: gitlab-runner `shells/abstract.go` (writeCleanupScript).
 */
export function cleanupBody(context: BuildContext, variables: Variables): readonly string[] {
  const settings = readGitSettings(context, variables);
  const { external, global, begun } = gitFiles(variables);
  const files = variables.files().map(({ path }) => path);
  return [
    'cd /',
    ...removeEnvFiles(variables),
    command('rm', '-rf', external, global, begun, ...files),
    ...(settings.cleansConfig ? resetGit(variables, settings) : []),
    ...rejectCredentials(planGitUrls(context, variables)),
    ...(variables.featureFlags.isOn('FF_ENABLE_JOB_CLEANUP')
      ? cleanProject(variables, settings)
      : []),
  ];
}

/** Script lines that remove what this and earlier builds handed on from script to script. */
export function removeEnvFiles({ tempDir }: Variables): readonly string[] {
  return [`rm -rf ${quote(tempDir)}/${ENV_FILE_PREFIX}*`];
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
