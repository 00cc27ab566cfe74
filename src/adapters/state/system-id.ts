import { createHmac, randomBytes, randomInt } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Log } from '../../ports/index.ts';

export interface SystemIdOptions {
  readonly configPath: string;
  readonly log: Log;
  /** Files with the machine's own id. The first non-empty one counts. */
  readonly machineIdFiles?: readonly string[];
}

const FILE_NAME = '.runner_system_id';
const VALID = /^[sr]_[0-9a-zA-Z]{12}$/;
const ID_LENGTH = 12;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const MACHINE_ID_FILES = ['/var/lib/dbus/machine-id', '/etc/machine-id'];

/**
 * Reads the id by which GitLab distinguishes the machines of one runner. It is stored beside
 * config.toml, as by gitlab-runner. If it cannot be stored, it is valid for this process only.
 * Source: gitlab-runner `commands/internal/configfile/system_id_state.go`.
 */
export async function readSystemId(options: SystemIdOptions): Promise<string> {
  const { configPath, log, machineIdFiles = MACHINE_ID_FILES } = options;
  const file = join(dirname(configPath), FILE_NAME);
  const known = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (VALID.test(known)) return known;
  const systemId = await makeSystemId(machineIdFiles);
  try {
    await save(file, systemId);
    log.info('Created missing unique system ID', { system_id: systemId });
  } catch (error) {
    log.warn('system ID not saved: the next start may look like another machine to GitLab', {
      path: file,
      system_id: systemId,
      error,
    });
  }
  return systemId;
}

async function makeSystemId(machineIdFiles: readonly string[]): Promise<string> {
  for (const file of machineIdFiles) {
    const machineId = (await readFile(file, 'utf8').catch(() => '')).trim();
    if (machineId === '') continue;
    const digest = createHmac('sha256', machineId).update('gitlab-runner').digest('hex');
    return `s_${digest.slice(0, ID_LENGTH)}`;
  }
  const chance = Array.from({ length: ID_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]);
  return `r_${chance.join('')}`;
}

async function save(file: string, systemId: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, systemId, { mode: 0o600, flush: true });
  await rename(draft, file);
}
