import { execFileSync } from 'node:child_process';

/** Like a container: the command is process 1 of its own process ids, and sees no others. */
export const OWN_PROCESS_IDS = [
  'unshare',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
] as const;

/** Why this machine cannot run a command like that; false when it can. */
export const noProcessIds = ((): string | false => {
  try {
    const [program, ...args] = OWN_PROCESS_IDS;
    execFileSync(program, [...args, 'true'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'needs root, and unshare of util-linux';
  }
})();
