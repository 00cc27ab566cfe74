import { STAGE_MOUNTS } from './stage-mounts.ts';
import { command, quote } from './quote.ts';

/**
 * Script lines that create directories for every user, in a container whose user is root. Parents
 * come before their children. The lines have an effect only once in a build, because a job may give
 * the directories other modes afterwards. A script that has begun has written to the state file,
 * which is emptied before each stage, and to the output file, which never becomes empty again. A
 * link in the place of a directory is removed, because it would lead root to a directory that an
 * earlier job has chosen. Failures are not reported here: the script that needs a missing directory
 * will fail and say so.
 */
export function openDirectories(paths: readonly string[]): readonly string[] {
  if (paths.length === 0) return [];
  const { state, output } = STAGE_MOUNTS;
  const each = '"$_runner_directory"';
  return [
    `if ! [ -s ${state} ] && ! [ -s ${output} ]; then`,
    `  for _runner_directory in ${paths.map(quote).join(' ')}; do`,
    `    if [ -L ${each} ] || { [ -e ${each} ] && ! [ -d ${each} ]; }; then rm -f ${each}; fi`,
    '  done',
    `  { ${command('mkdir', '-p', ...paths)} && ${command('chmod', '0777', ...paths)}; } 2>/dev/null || :`,
    '  unset _runner_directory',
    'fi',
  ];
}
