import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile, rename, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { z } from 'zod';
import type { Log } from '../../ports/index.ts';
import { describeProcess } from '../state/process-identity.ts';
import { chooseDatabase } from './server-database.ts';

export interface DevServerOptions {
  readonly binary: string;
  /** Directory for the server's database, log and record. Created when absent. */
  readonly stateDir: string;
  readonly log: Log;
  /** The address at which its UI has payloads decoded. Contains a secret. */
  readonly uiCodecEndpoint?: string | undefined;
  /** Aborts the start, and ends the server that is starting. */
  readonly signal?: AbortSignal;
}

export interface DevServer {
  readonly address: string;
  readonly namespace: string;
  readonly uiAddress: string;
  /** Ends the server. Its database stays. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
const FRONTEND = 'temporal.api.workflowservice.v1.WorkflowService';
const { SERVING } = proto.grpc.health.v1.HealthCheckResponse.ServingStatus;
const START_LIMIT_MS = 60_000;
const START_TRIES = 3;
const STOP_LIMIT_MS = 10_000;
const LOOK_INTERVAL_MS = 1_000;
const LOG_LIMIT_BYTES = 10_000_000;

/**
 * By default the dev server starts 20 tasks per second, which costs 100 ms for each activity
 * instead of 13. See docs/operations.md for the measurement.
 */
const TUNING = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
];
/**
 * A write-ahead log cuts the cost of an activity to a third of SQLite's default. `full` still
 * flushes each commit to the disk, so that the server's answers survive a power cut.
 */
const PRAGMAS = ['journal_mode=wal', 'synchronous=full'];

const recordSchema = z.object({
  pid: z.number().int(),
  identity: z.string(),
  port: z.number().int(),
  uiPort: z.number().int(),
});
type ServerRecord = z.infer<typeof recordSchema>;

/**
 * Starts the embedded Temporal server, with its state in a SQLite file. It outlives a `kill -9` of
 * this process and is found again by its record. If it dies, it is restarted. Another version of
 * the server begins with a new file.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const found = await findRunning(options);
  if (found !== undefined) {
    options.log.info('found the embedded Temporal running', { pid: found.pid });
    if (!(await isSetUp(options))) {
      options.log.warn('the UI of the embedded Temporal cannot decode until that is restarted');
    }
  }
  let current = found ?? (await launchAnew(options));
  const supervision = new AbortController();
  // The signal only applies to the start.
  const { binary, stateDir, log, uiCodecEndpoint } = options;
  const supervising = supervise(
    { binary, stateDir, log, uiCodecEndpoint },
    {
      signal: supervision.signal,
      current: () => current,
      replace: (next) => {
        current = next;
      },
    },
  );
  return {
    address: `${HOST}:${current.port}`,
    namespace: NAMESPACE,
    uiAddress: `http://${HOST}:${current.uiPort}`,
    stop: async () => {
      supervision.abort();
      await supervising;
      await end(current);
    },
  };
}

/** Returns the address of a state directory's embedded server, if it is running. */
export async function findDevServer(
  stateDir: string,
): Promise<Pick<DevServer, 'address' | 'namespace'> | undefined> {
  const record = await readRecord({ stateDir });
  if (record === undefined || !(await isAlive(record))) return undefined;
  return { address: `${HOST}:${record.port}`, namespace: NAMESPACE };
}

interface Supervision {
  readonly signal: AbortSignal;
  current(): ServerRecord;
  replace(next: ServerRecord): void;
}

/**
 * Restarts the server when it ends. A server that was already running is not a child of this
 * process, so it can only be polled.
 */
async function supervise(options: DevServerOptions, supervision: Supervision): Promise<void> {
  const { signal } = supervision;
  for (;;) {
    await delay(LOOK_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    if (await isAlive(supervision.current())) continue;
    options.log.warn('the embedded Temporal has died, starting it again');
    try {
      // The new server uses the same ports, so that all clients reconnect by themselves.
      supervision.replace(await launch(options, supervision.current()));
    } catch (error) {
      options.log.error('the embedded Temporal does not start, trying again', { error });
    }
  }
}

async function isAlive({ pid, identity }: ServerRecord): Promise<boolean> {
  return (await describeProcess(pid)) === identity;
}

async function readRecord({
  stateDir,
}: Pick<DevServerOptions, 'stateDir'>): Promise<ServerRecord | undefined> {
  const text = await readFile(join(stateDir, 'server.json'), 'utf8').catch(() => '');
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // The record is missing or incomplete, so a new one is written.
  }
}

async function findRunning(options: DevServerOptions): Promise<ServerRecord | undefined> {
  const record = await readRecord(options);
  if (record === undefined || !(await isAlive(record))) return undefined;
  await untilServing(record, () => isAlive(record), options);
  return record;
}

type Ports = Pick<ServerRecord, 'port' | 'uiPort'>;

/** Returns the previous ports when they are free, so that bookmarks stay valid. */
async function choosePorts(options: DevServerOptions): Promise<Ports> {
  const last = await readRecord(options);
  const port = await choosePort(last?.port);
  return { port, uiPort: await choosePort(last?.uiPort, port) };
}

async function choosePort(wanted?: number, taken?: number): Promise<number> {
  for (let port = wanted ?? randomPort(); ; port = randomPort()) {
    if (port !== taken && (await isFree(port))) return port;
  }
}

/**
 * Returns a port below those for outgoing connections, so that no connection takes it before the
 * server does.
 */
function randomPort(): number {
  return randomInt(20_000, 32_000);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts the server, with other ports after a conflict: it opens more ports by itself, which may
 * conflict with those of another program.
 */
async function launchAnew(options: DevServerOptions): Promise<ServerRecord> {
  for (let triesLeft = START_TRIES - 1; ; triesLeft -= 1) {
    try {
      return await launch(options, await choosePorts(options));
    } catch (error) {
      if (triesLeft === 0 || options.signal?.aborted === true) throw error;
      options.log.warn('the embedded Temporal does not start, trying again', { error });
    }
  }
}

async function launch(options: DevServerOptions, ports: Ports): Promise<ServerRecord> {
  const { binary, stateDir } = options;
  const database = await chooseDatabase(options);
  const settings = await writeSettings(options);
  const output = await openLog(join(stateDir, 'server.log'));
  try {
    const child = spawn(binary, [...serverArguments(database, ports), ...settings], {
      // The server gets a process group of its own, because Ctrl-C and `kill -9` are meant for the
      // worker only.
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid ?? 0;
    const { port, uiPort } = ports;
    const record = { pid, identity: await describeProcess(pid), port, uiPort };
    await writeRecord(stateDir, record);
    await untilServing(record, () => Promise.resolve(isRunning(child)), options);
    return record;
  } finally {
    await output.close();
  }
}

/**
 * Opens the server's log. It has only warnings, but it grows over years, so a long one is started
 * again.
 */
async function openLog(path: string): Promise<FileHandle> {
  const sizeBytes = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  return open(path, sizeBytes > LOG_LIMIT_BYTES ? 'w' : 'a', 0o600);
}

function serverArguments(database: string, { port, uiPort }: Ports): readonly string[] {
  return [
    ...['server', 'start-dev', '--ip', HOST, '--port', `${port}`, '--ui-port', `${uiPort}`],
    ...['--db-filename', database, '--log-level', 'warn'],
    ...TUNING.flatMap((value) => ['--dynamic-config-value', value]),
    ...PRAGMAS.flatMap((pragma) => ['--sqlite-pragma', pragma]),
  ];
}

/**
 * Writes the settings that the process list must not show to a file in the form of the program's
 * own options. The user's own file is not read, because it may name another server.
 */
async function writeSettings(options: DevServerOptions): Promise<readonly string[]> {
  const file = settingsFile(options);
  await writeFile(`${file}.tmp`, formatSettings(options), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
  return ['--env-file', file, '--env', 'default'];
}

function settingsFile({ stateDir }: DevServerOptions): string {
  return join(stateDir, 'server-settings.yaml');
}

/** Formats the settings as JSON, which is also YAML. */
function formatSettings({ uiCodecEndpoint: endpoint }: DevServerOptions): string {
  const options = { ...(endpoint !== undefined && { 'ui-codec-endpoint': endpoint }) };
  return `${JSON.stringify({ env: { default: options } })}\n`;
}

/** Whether a running server was started with the same settings. */
async function isSetUp(options: DevServerOptions): Promise<boolean> {
  const text = await readFile(settingsFile(options), 'utf8').catch(() => undefined);
  return options.uiCodecEndpoint === undefined || text === formatSettings(options);
}

async function writeRecord(stateDir: string, record: ServerRecord): Promise<void> {
  const file = join(stateDir, 'server.json');
  await writeFile(`${file}.tmp`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function untilServing(
  record: ServerRecord,
  lives: () => Promise<boolean>,
  { stateDir, signal }: DevServerOptions,
): Promise<void> {
  const { port, pid } = record;
  const endMs = performance.now() + START_LIMIT_MS;
  while (!(await isServing(port))) {
    if (signal?.aborted === true) {
      await end(record);
      throw signal.reason as Error;
    }
    if (!(await lives()) || performance.now() > endMs) {
      throw new Error(
        `the embedded Temporal (process ${pid}) does not answer on ${HOST}:${port}: see ${join(stateDir, 'server.log')}`,
      );
    }
    await delay(50);
  }
}

/**
 * Whether the server is ready. One that accepts connections may not serve yet, so its health is
 * queried.
 */
async function isServing(port: number): Promise<boolean> {
  const connection = Connection.lazy({ address: `${HOST}:${port}` });
  try {
    const { status } = await connection.withDeadline(Date.now() + 1_000, () =>
      connection.healthService.check({ service: FRONTEND }),
    );
    return status === SERVING;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

async function end(record: ServerRecord): Promise<void> {
  if (!(await isAlive(record))) return;
  process.kill(record.pid, 'SIGTERM');
  const endMs = performance.now() + STOP_LIMIT_MS;
  while (await isAlive(record)) {
    if (performance.now() > endMs) process.kill(record.pid, 'SIGKILL');
    await delay(20);
  }
}
