import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Installation } from '../installation.ts';
import { temporalCli } from './temporal-cli.ts';

const run = promisify(execFile);

/** The output of the `temporal` program for an installation's embedded Temporal, still encrypted. */
export async function runTemporal(
  installation: Installation,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const ready = JSON.parse(await installation.runner.whenLog(/"msg":"ready"/)) as {
    readonly temporal: string;
  };
  const { stdout } = await run(temporalCli(), args, {
    env: { ...process.env, TEMPORAL_ADDRESS: ready.temporal, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/** The same output, decoded by the codec server of the node. */
export async function runTemporalDecoding(
  installation: Installation,
  args: readonly string[],
): Promise<string> {
  const endpoint = await readCodecEndpointOf(installation);
  return runTemporal(installation, args, { TEMPORAL_CODEC_ENDPOINT: endpoint });
}

/** Address and token of the codec server, as an operator reads them. */
export async function readCodecEndpointOf({ stateDir }: Installation): Promise<string> {
  return (await readFile(join(stateDir, 'codec-endpoint'), 'utf8')).trim();
}

/** The contents of all payloads that `-o json` prints, in their order. */
export function readData(printed: string): string {
  return [...printed.matchAll(/"data": *"([^"]*)"/g)]
    .map(([, data = '']) => Buffer.from(data, 'base64').toString())
    .join('\n');
}

/** The encoding of an encrypted payload, as `-o json` prints it. */
export const SEALED_ENCODING = Buffer.from('binary/encrypted').toString('base64');
