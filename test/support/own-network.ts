import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';

export interface OwnNetwork {
  /** The path of the namespace for `nsenter`. */
  readonly path: string;
  readonly gateway: string;
  close(): void;
}

/**
 * Opens a network namespace that has only a link to this machine. A daemon without a bridge removes
 * docker0 when it starts. In its own namespace it cannot remove the docker0 of the usual daemon.
 */
export function openNetwork(): OwnNetwork {
  const name = `tgr${randomBytes(4).toString('hex')}`;
  const prefix = `10.${randomInt(200, 255)}.${randomInt(255)}`;
  const ip = (...words: readonly string[]): void => {
    execFileSync('ip', words, { stdio: 'ignore' });
  };
  ip('netns', 'add', name);
  try {
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('addr', 'add', `${prefix}.1/24`, 'dev', name);
    ip('link', 'set', name, 'up');
    ip('-n', name, 'addr', 'add', `${prefix}.2/24`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
  } catch (error) {
    ip('netns', 'delete', name);
    throw error;
  }
  return {
    path: `/run/netns/${name}`,
    gateway: `${prefix}.1`,
    close: () => {
      // This removes both ends of the link. The namespace itself exists while a process is in it.
      ip('link', 'delete', name);
      ip('netns', 'delete', name);
    },
  };
}
