import type { FailureType } from './failure.ts';

/**
 * What everybody who sees Temporal may read of a fault, by its type. What a fault says itself may quote a
 * job, a registry or a path, and is encrypted.
 */
const SENTENCES: Readonly<Record<FailureType | 'Transient', string>> = {
  Transient: 'a passing fault, so it is tried again',
  JobGone: 'GitLab does not want the job any more',
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

/** The sentence for a fault that may be read by everybody. The type may be of another program. */
export function publicFaultText(type: string): string {
  const sentence = Object.entries(SENTENCES).find(([known]) => known === type)?.[1] ?? UNKNOWN;
  return `${sentence} (what it says is encrypted)`;
}
