import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeDurably } from './durable-files.ts';

const PATTERN = /^[a-z0-9][a-z0-9-]{0,50}-[0-9a-f]{6}$/;

/**
 * Reads the name of a state directory, which is created once and kept in it: `<host>-<6 hex
 * digits>`. It marks everything in Docker and in Temporal that belongs to the installation.
 * GitLab's `system_id` cannot be used, because it belongs to the machine, and two installations on
 * one machine must not touch each other's builds.
 */
export async function readInstallationId(file: string, hostname: string): Promise<string> {
  const known = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (PATTERN.test(known)) return known;
  const host = hostname
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 40);
  const id = `${host.replace(/-+$/, '') || 'node'}-${randomBytes(3).toString('hex')}`;
  await writeDurably(file, Buffer.from(`${id}\n`));
  return id;
}
