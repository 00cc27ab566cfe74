import { STAGE_MOUNTS } from './stage-mounts.ts';
import { command, quote } from './quote.ts';

/**
 * Script lines that create directories which every user may write to, in a container whose user is
 * root. Parents come before their children. They do so once in the life of a build: a job may give
 * the directories other modes. A link in the place of a directory would lead root to a directory that
 * an earlier job has chosen, so it is removed. A failure is silent, because the script that needs the
 * directory tells it.
 */
export function openDirectories(paths: readonly string[]): readonly string[] {
  if (paths.length === 0) return [];
  const each = '"$_runner_directory"';
  return [
    `if ! [ -s ${STAGE_MOUNTS.state} ]; then`,
    `  for _runner_directory in ${paths.map(quote).join(' ')}; do`,
    `    if [ -L ${each} ] || { [ -e ${each} ] && ! [ -d ${each} ]; }; then rm -f ${each}; fi`,
    '  done',
    `  { ${command('mkdir', '-p', ...paths)} && ${command('chmod', '0777', ...paths)}; } 2>/dev/null || :`,
    '  unset _runner_directory',
    'fi',
  ];
}
