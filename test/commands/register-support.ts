import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach } from 'node:test';
import { parseToml } from '../../src/adapters/config/parse-toml.ts';
import type { TomlTable } from '../../src/adapters/config/toml-table.ts';
import { openInstallation, type Installation } from './support.ts';

export let installation: Installation;

/** Gives each test of the calling file an installation. */
export function setUpInstallation(): void {
  beforeEach(async () => {
    installation = await openInstallation();
  });
  afterEach(() => installation.close());
}

export async function readRunners(): Promise<readonly TomlTable[]> {
  const { runners } = parseToml(await readFile(installation.configPath, 'utf8'), '');
  // The parser's objects have no prototype, which deepEqual would report.
  return structuredClone(runners ?? []) as readonly TomlTable[];
}

export function paths(): readonly string[] {
  return installation.gitlab.requests.map(({ method, path }) => `${method} ${path}`);
}

export function silently(...more: readonly string[]): readonly string[] {
  const { url } = installation.gitlab;
  const usual = ['--executor', 'docker', '--docker-image', 'busybox'];
  return ['register', '--non-interactive', '--url', url, ...usual, ...more];
}
