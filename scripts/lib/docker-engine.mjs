import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { installPackages } from './apt.mjs';
import { atEnd } from './at-end.mjs';
import { CACHE } from './paths.mjs';
import { findProgram, run } from './run.mjs';
import { SetUpError, say, step } from './say.mjs';

const SOCKET = '/var/run/docker.sock';
const PID_FILE = '/var/run/docker.pid';
const LOG = join(CACHE, 'dockerd.log');
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 30_000;

/** Connects to Docker. dockerode exists only when npm's packages are installed. */
export async function openDocker() {
  const { default: Docker } = await import('dockerode');
  return new Docker();
}

/**
 * Installs Docker when it is clearly missing. Needs no npm package, so that it can run while they
 * are installed. Everything else is left to `ensureDockerEngine`.
 */
export async function installMissingDocker() {
  const isOurs = process.platform === 'linux' && process.getuid() === 0 && !process.env.DOCKER_HOST;
  if (!isOurs || existsSync(SOCKET) || findProgram('dockerd') !== undefined) return;
  if (findProgram('apt-get') !== undefined) await installDocker();
}

/**
 * Makes sure that a Docker engine answers: the running one, otherwise one that is started here, and
 * installed before if necessary. An engine that was started here is stopped at the script's end.
 */
export async function ensureDockerEngine() {
  const trouble = await ping();
  if (trouble === undefined) return;
  if (process.env.DOCKER_HOST) {
    throw new SetUpError(
      `no Docker engine answers at DOCKER_HOST=${process.env.DOCKER_HOST}: ${trouble.message}`,
    );
  }
  if (trouble.code === 'EACCES') {
    throw new SetUpError(`${SOCKET} is not open to you: add yourself to the group "docker"`);
  }
  if (process.platform !== 'linux' || process.getuid() !== 0) {
    throw new SetUpError(
      'no Docker engine answers: start Docker, or install it (see docs.docker.com/engine/install), ' +
        'or set DOCKER_HOST. As root on Debian or Ubuntu this script does it by itself.',
    );
  }
  if (findProgram('dockerd') === undefined) {
    await installDocker();
    // With systemd, the package starts the engine as a service, which then belongs to the machine.
    if (isRunBySystemd() && (await answersWithin(15_000))) return;
  }
  if (isRunBySystemd()) {
    await step('start the service docker', () => run('systemctl', ['start', 'docker']));
    return;
  }
  await startDockerd();
}

async function ping() {
  const docker = await openDocker();
  try {
    await docker.ping();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function answersWithin(limitMs, hasEnded = () => false) {
  const endMs = Date.now() + limitMs;
  while (Date.now() < endMs && !hasEnded()) {
    if ((await ping()) === undefined) return true;
    await delay(200);
  }
  return false;
}

async function installDocker() {
  if (findProgram('apt-get') === undefined) {
    throw new SetUpError('there is no Docker here and no apt-get to install it: install Docker');
  }
  say(
    'No Docker on this machine: its packages docker.io and iptables are installed now (apt-get).',
  );
  await installPackages(['docker.io', 'iptables'], '100 MB');
}

function isRunBySystemd() {
  return findProgram('systemctl') !== undefined && isDirectory('/run/systemd/system');
}

function isDirectory(path) {
  try {
    return readFileSync(path) === undefined;
  } catch (error) {
    return error.code === 'EISDIR';
  }
}

/** Starts dockerd in a session of its own, so that Ctrl-C in this terminal does not reach it. */
async function startDockerd() {
  mkdirSync(CACHE, { recursive: true });
  removeStalePidFile();
  const log = openSync(LOG, 'a');
  const dockerd = findProgram('dockerd');
  const child = spawn(dockerd, [], { detached: true, stdio: ['ignore', log, log] });
  let hasEnded = false;
  child.on('error', () => (hasEnded = true));
  child.on('exit', () => (hasEnded = true));
  child.unref();
  atEnd(async () => {
    if (hasEnded) return;
    child.kill('SIGTERM');
    const endMs = Date.now() + STOP_LIMIT_MS;
    while (!hasEnded && Date.now() < endMs) await delay(100);
  });
  await step('start dockerd', async () => {
    if (await answersWithin(START_LIMIT_MS, () => hasEnded)) return;
    const tail = readFileSync(LOG, 'utf8').trim().split('\n').slice(-8).join('\n');
    throw new SetUpError(`dockerd does not start; the end of ${LOG}:\n${tail}`);
  });
}

/**
 * Removes a stale pid file. After a crash of the machine the pid may belong to another program,
 * which dockerd would take for itself.
 */
function removeStalePidFile() {
  try {
    const pid = readFileSync(PID_FILE, 'utf8').trim();
    if (nameOfProcess(pid) !== 'dockerd') rmSync(PID_FILE);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function nameOfProcess(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
