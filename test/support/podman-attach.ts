import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';

const ATTACHED_PREFIX = 'preparing container';
const MISSING_PROGRAM = 'OCI runtime attempted to invoke a command that was not found';
const PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * Returns why Podman refuses an attach: the message of Podman 4.3.1 with runc 1.1.5, or undefined
 * when nothing is wrong. Podman prepares a container's process before an attach, and refuses there
 * what Docker refuses at the start.
 */
export async function whyNotPrepared(
  dockerSocket: string,
  containerPath: string,
): Promise<string | undefined> {
  const docker = new Docker({ socketPath: dockerSocket });
  const container = docker.getContainer(containerPath.replace('/containers/', ''));
  const { Id, Path, Config } = await container.inspect();
  const has = (path: string): Promise<boolean> =>
    container.infoArchive({ path }).then(
      (answer: NodeJS.ReadableStream) => {
        answer.resume();
        return true;
      },
      () => false,
    );
  const prefix = `${ATTACHED_PREFIX} ${Id} for attach: `;
  const user = Config.User.replace(/:.*/, '');
  if (/^[a-z]/.test(user) && !(await usersOf(container)).includes(`\n${user}:`)) {
    return `${prefix}unable to find user ${user}: no matching entries in passwd file`;
  }
  const places = Path.startsWith('/') ? [Path] : PATH.map((directory) => `${directory}/${Path}`);
  for (const place of places) if (await has(place)) return undefined;
  const reason = Path.startsWith('/')
    ? `stat ${Path}: no such file or directory`
    : 'executable file not found in $PATH';
  const refused = `runc create failed: unable to start container process: exec: "${Path}": ${reason}`;
  return `${prefix}runc: ${refused}: ${MISSING_PROGRAM}`;
}

/**
 * Returns the container's passwd file. Docker sends it in a tar, so the text before its first user
 * is cut off.
 */
async function usersOf(container: Docker.Container): Promise<string> {
  const content = await buffer(await container.getArchive({ path: '/etc/passwd' }));
  return content.toString().replace(/^[^]*?root:/, '\nroot:');
}
