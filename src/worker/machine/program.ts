import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, Randomness, RunningDigest } from '../../ports/index.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import type { Digests } from '../../domain/runner/digests.ts';
import { readBoot } from '../../adapters/state/process-identity.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { readRevision } from './revision.ts';

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** Describes the program for GitLab and for logs. */
export function describeProgram(revision = readRevision()): ProgramInfo {
  return {
    name: 'temporal-gitlab-runner',
    version: packageJson.version,
    revision,
    platform: `${process.platform}/${GO_ARCHITECTURES[process.arch] ?? process.arch}`,
    hostname: hostname(),
  };
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // This is the machine's clock; `performance.now()` begins anew in each process.
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  boot: readBoot(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};

const systemRandomness: Randomness = { hex: (bytes) => randomBytes(bytes).toString('hex') };

const systemDigests: Digests = {
  md5Hex: (text) => createHash('md5').update(text).digest('hex'),
  sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
};

function runningSha256(): RunningDigest {
  const hash = createHash('sha256');
  return { add: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}

/** The ports that the machine itself provides. */
export const systemPorts = {
  clock: systemClock,
  randomness: systemRandomness,
  digests: systemDigests,
  runningSha256,
};
