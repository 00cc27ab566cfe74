import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';

export interface OwnNetwork {
  /** The namespace, for `nsenter`. */
  readonly path: string;
  readonly gateway: string;
  close(): void;
}

/**
 * A network namespace with a way to this machine and to nothing else. A daemon without a bridge removes
 * docker0 when it starts: that of the usual daemon, were it not in a namespace of its own.
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
      // Both ends go. A namespace lives on as long as a process does in it.
      ip('link', 'delete', name);
      ip('netns', 'delete', name);
    },
  };
}
