import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable, type Readable } from 'node:stream';
import { runCli } from '../../src/commands/main.ts';
import type { CommandPorts } from '../../src/commands/ports.ts';
import {
  json,
  plain,
  startServer,
  type ScriptedServer,
} from '../adapters/gitlab/support/server.ts';

export const TOKEN = 'glrt-t1_CliTestTokenAaBbCc';
export const REGISTRATION_TOKEN = 'GR1348941CliTestRegistration';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A GitLab with given answers, and a config file that may be created. */
export interface Installation {
  readonly gitlab: ScriptedServer;
  readonly configPath: string;
  /** Runs the program in this process; `answers` is what a person types. */
  run(args: readonly string[], answers?: string): Promise<Ran>;
  close(): Promise<void>;
}

export async function openInstallation(config?: (url: string) => string): Promise<Installation> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-cli-'));
  const configPath = join(directory, 'config.toml');
  const gitlab = await startServer();
  if (config !== undefined) await writeFile(configPath, config(gitlab.url), { mode: 0o600 });
  return {
    ...{ gitlab, configPath },
    run: (args, answers = '') => run([...args, '--config', configPath], answers),
    close: async () => {
      await gitlab.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The input instead of a person's answers. */
  readonly input?: Readable;
  /** Called with each piece of stdout. */
  readonly heard?: (text: string) => void;
  /** The ports of the commands. Absent: the real ones, for commands that need none. */
  readonly ports?: CommandPorts;
}

export async function run(
  args: readonly string[],
  answers = '',
  { env = {}, input = new PassThrough().end(answers), heard, ports }: RunOptions = {},
): Promise<Ran> {
  const stdout = collector(heard);
  const stderr = collector();
  const io = { env, input, stdout: stdout.stream, stderr: stderr.stream };
  const exitCode = await runCli(args, io, ports);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(heard?: (text: string) => void) {
  const chunks: Uint8Array[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string | Uint8Array, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      heard?.(chunk.toString());
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

export const verified = json(200, { id: 12, token: TOKEN, token_expires_at: null });
export const registered = json(201, {
  id: 13,
  token: 'newRunnerTokenAaBbCcDd',
  token_expires_at: null,
});
export const forbidden = json(403, { message: '403 Forbidden' });
export const deleted = plain(204);
export const outage = json(500, { message: 'oops' });

export function runnerToml(name: string, { url, token }: { url: string; token: string }): string {
  return `
[[runners]]
  name = "${name}"
  url = "${url}"
  token = "${token}"
  executor = "docker"
  [runners.docker]
    image = "busybox" # small
`;
}
