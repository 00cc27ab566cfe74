import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Installation } from '../installation.ts';
import { whenReady } from '../runner-process.ts';
import { temporalCli } from './temporal-cli.ts';

const run = promisify(execFile);

/**
 * Runs the `temporal` program on an installation's embedded Temporal. Returns its output, which is
 * still encrypted.
 */
export async function runTemporal(
  installation: Installation,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const ready = await whenReady(installation.runner);
  const { stdout } = await run(temporalCli(), args, {
    env: { ...process.env, TEMPORAL_ADDRESS: ready.temporal, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/**
 * Runs the `temporal` program in the same way, and lets the node's codec server decode the output.
 */
export async function runTemporalDecoding(
  installation: Installation,
  args: readonly string[],
): Promise<string> {
  const endpoint = await readCodecEndpointOf(installation);
  return runTemporal(installation, args, { TEMPORAL_CODEC_ENDPOINT: endpoint });
}

/** Returns the address and token of the codec server in the way in which an operator reads them. */
export async function readCodecEndpointOf({ stateDir }: Installation): Promise<string> {
  return (await readFile(join(stateDir, 'codec-endpoint'), 'utf8')).trim();
}

/** Returns the contents of all payloads in the output of `-o json`, in their order. */
export function readData(printed: string): string {
  return [...printed.matchAll(/"data": *"([^"]*)"/g)]
    .map(([, data = '']) => Buffer.from(data, 'base64').toString())
    .join('\n');
}

/** The encoding of an encrypted payload in the output of `-o json`. */
export const SEALED_ENCODING = Buffer.from('binary/encrypted').toString('base64');
