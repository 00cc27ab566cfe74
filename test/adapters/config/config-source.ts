import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { ConfigSource, LogFields } from '../../../src/ports/index.ts';
import { createConfigSource } from '../../../src/adapters/config/config-file.ts';
import { recordingLog } from '../../support/recording-log.ts';

export const TOKEN = 'glrt-t1_AbCdEfGhIjKlMn';
export const RUNNER = `
[[runners]]
  name = "one"
  url = "https://gitlab.example.com/"
  token = "${TOKEN}"
  executor = "docker"
`;

export let directory = '';

/** Gives the tests of the calling file a directory for their files. */
export function setUpConfigs(): void {
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-config-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));
}

interface Opened {
  readonly source: ConfigSource;
  readonly path: string;
  readonly warnings: readonly { readonly message: string; readonly fields: LogFields }[];
  write(text: string): Promise<void>;
}

export async function open(
  text: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Opened> {
  const path = join(await mkdtemp(join(directory, 'case-')), 'config.toml');
  const { log, warnings } = recordingLog();
  const write = (content: string): Promise<void> => writeFile(path, content, { mode: 0o600 });
  await write(text);
  return { source: createConfigSource({ path, env, log }), path, warnings, write };
}
