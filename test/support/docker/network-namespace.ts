import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A separate network for a process, with one link to this host. Dropped packets are lost: the
 * senders are not notified, and retransmit with growing pauses. A proxy could only delay the data.
 */
export interface NetworkNamespace {
  /** The address of this host inside the namespace. */
  readonly hostAddress: string;
  /** The command that runs another command in the namespace. */
  readonly launcher: readonly string[];
  /** Drops all packets from and to an address. */
  drop(address: string): Promise<void>;
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a namespace, or returns the reason why that is not possible here. */
export async function openNetworkNamespace(): Promise<NetworkNamespace | string> {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const tag = randomBytes(4).toString('hex');
  const [name, outside, inside] = [`tgr-${tag}`, `tgr${tag}o`, `tgr${tag}i`];
  const net = `10.${randomInt(200, 250)}.${randomInt(256)}`;
  const within = ['ip', 'netns', 'exec', name];
  const [hostAddress, ownAddress] = [`${net}.1`, `${net}.2`];
  const close = async (): Promise<void> => {
    await ip('link', 'del', outside).catch(() => undefined);
    await ip('netns', 'del', name).catch(() => undefined);
  };
  try {
    await ip('netns', 'add', name);
    await ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', name);
    await ip('addr', 'add', `${hostAddress}/30`, 'dev', outside);
    await ip('link', 'set', outside, 'up');
    for (const words of [
      ['addr', 'add', `${ownAddress}/30`, 'dev', inside],
      ['link', 'set', inside, 'up'],
      ['link', 'set', 'lo', 'up'],
      ['route', 'add', 'default', 'via', hostAddress],
    ]) {
      await runIn(within, 'ip', ...words);
    }
    await runIn(within, 'iptables', '-w', '-F');
  } catch (error) {
    await close();
    return `no network namespace can be had here: ${String(error)}`;
  }
  return {
    hostAddress,
    launcher: ['nsenter', `--net=/var/run/netns/${name}`],
    drop: async (address) => {
      await runIn(within, 'iptables', '-w', '-A', 'OUTPUT', '-d', address, '-j', 'DROP');
      await runIn(within, 'iptables', '-w', '-A', 'INPUT', '-s', address, '-j', 'DROP');
    },
    heal: () => runIn(within, 'iptables', '-w', '-F'),
    close,
  };
}

async function ip(...words: readonly string[]): Promise<void> {
  await run('ip', words);
}

async function runIn(within: readonly string[], ...words: readonly string[]): Promise<void> {
  const [program = '', ...args] = [...within, ...words];
  await run(program, args);
}
