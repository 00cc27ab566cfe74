import type { FailureType } from './failure.ts';

/**
 * The sentences about faults, by their type, that everybody who sees Temporal may read. A fault's
 * own message may quote a job, a registry or a path, and is encrypted.
 */
const SENTENCES: Readonly<Record<FailureType | 'Transient', string>> = {
  Transient: 'a passing fault, so it is tried again',
  RunnerConfiguration:
    'the job asks for something that the configuration of its runner does not allow',
  ImagePull: 'an image could not be pulled',
  ExternalDependency: 'something outside did not answer as it should',
  InvalidConfig: 'config.toml cannot be read or is not valid',
  InvalidPayload: 'the job cannot be used as GitLab sent it',
  InvalidArchive: 'an archive cannot be made or unpacked because of what is in it',
  RecordLost: 'the node has no record of the build',
  RunnerSystem: 'Docker, the disk or the runner itself has failed',
};

const UNKNOWN = 'an unexpected fault';

/** Returns the sentence for a fault. The type may come from another program. */
export function publicFaultText(type: string): string {
  const sentence = Object.entries(SENTENCES).find(([known]) => known === type)?.[1] ?? UNKNOWN;
  return `${sentence} (what it says is encrypted)`;
}
