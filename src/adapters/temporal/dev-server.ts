import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Log } from '../../ports/index.ts';
import { writeDurably } from '../state/durable-files.ts';
import { describeProcess } from '../state/process-identity.ts';
import { NO_PROXY } from './connections.ts';
import { chooseDatabase } from './server-database.ts';
import { endServer, isAlive, readRecord, writeRecord, type ServerRecord } from './server-record.ts';

export interface DevServerOptions {
  readonly binary: string;
  /** Directory for the server's database, log and record. Created when absent. */
  readonly stateDir: string;
  readonly log: Log;
  /** The address at which its UI has payloads decoded. Contains a secret. */
  readonly uiCodecEndpoint?: string | undefined;
  /** Aborts the start, and ends the server that is starting. */
  readonly signal?: AbortSignal;
  /** How long the first try to start may take. Each further one may take twice as long. */
  readonly startLimitMs?: number;
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
const LONGEST_START_MS = 600_000;
const START_TRIES = 3;
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

/**
 * Starts the embedded Temporal server, with its state in a SQLite file. It outlives a `kill -9` of
 * this process and is found again by its record. If it dies, it is restarted. Another version of
 * the server begins with a new file.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const found = await findRunning(options);
  if (found !== undefined && !(await isSetUp(options))) {
    options.log.warn('the UI of the embedded Temporal cannot decode until that is restarted');
  }
  let current = found ?? (await launchAnew(options));
  const supervision = new AbortController();
  // The caller's signal only applies to the first start.
  const supervising = supervise(
    { ...options, signal: supervision.signal },
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
      await endRecorded(current);
    },
  };
}

/** Returns the address of a state directory's embedded server, if it is running. */
export async function findDevServer(
  stateDir: string,
): Promise<Pick<DevServer, 'address' | 'namespace'> | undefined> {
  const record = await readRecord(stateDir);
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
  for (let tries = 0; ;) {
    await delay(LOOK_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    const server = supervision.current();
    // While nobody can tell, for want of open files, the server counts as alive.
    if (await isAlive(server).catch(() => true)) continue;
    options.log.warn('the embedded Temporal has died, starting it again');
    try {
      // The new server uses the same ports, so that all clients reconnect by themselves.
      supervision.replace(await launch(options, server, tries));
      tries = 0;
    } catch (error) {
      if (error === signal.reason) return;
      tries += 1;
      options.log.error('the embedded Temporal does not start, trying again', { error });
    }
  }
}

/**
 * Returns the server that an earlier process has started, when it serves. One that only lives is
 * ended, because nothing else would ever end it, and each start would wait for it in vain. Its
 * record tells it from every other process.
 */
async function findRunning(options: DevServerOptions): Promise<ServerRecord | undefined> {
  const { stateDir, log, signal } = options;
  const record = await readRecord(stateDir);
  if (record === undefined || !(await isAlive(record))) return undefined;
  log.info('found the embedded Temporal running', { pid: record.pid });
  // While nobody can tell, for want of open files, the server counts as alive.
  const lives = (): Promise<boolean> => isAlive(record).catch(() => true);
  try {
    // A server with much to do gets as long as a second try to start one.
    await untilServing(record, { ...options, limitMs: startLimit(options, 1), lives });
    return record;
  } catch (error) {
    await endRecorded(record);
    if (signal?.aborted === true) throw error;
    log.warn('the embedded Temporal was found running and did not serve, starting it again', {
      error,
    });
    return undefined;
  }
}

type Ports = Pick<ServerRecord, 'port' | 'uiPort'>;

/** Returns the previous ports when they are free, so that bookmarks stay valid. */
async function choosePorts(options: DevServerOptions): Promise<Ports> {
  const last = await readRecord(options.stateDir);
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
  for (let tries = 0; ; tries += 1) {
    try {
      return await launch(options, await choosePorts(options), tries);
    } catch (error) {
      if (tries === START_TRIES - 1 || options.signal?.aborted === true) throw error;
      options.log.warn('the embedded Temporal does not start, trying again', { error });
    }
  }
}

/** Starts the server after so many tries in vain. One that does not serve in time is ended. */
async function launch(
  options: DevServerOptions,
  ports: Ports,
  tries: number,
): Promise<ServerRecord> {
  const { stateDir } = options;
  const child = await spawnServer(options, ports);
  const pid = child.pid ?? 0;
  const lives = (): Promise<boolean> => Promise.resolve(isRunning(child));
  try {
    const { port, uiPort } = ports;
    const record = { pid, identity: await describeProcess(pid), port, uiPort };
    await writeRecord(stateDir, record);
    await untilServing(record, { ...options, limitMs: startLimit(options, tries), lives });
    return record;
  } catch (error) {
    // The next try uses the same database.
    await endServer(pid, lives);
    throw error;
  }
}

async function spawnServer(options: DevServerOptions, ports: Ports): Promise<ChildProcess> {
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
    return child;
  } finally {
    await output.close();
  }
}

/** Returns how long a start may take. A busy machine may be too slow for the usual limit. */
function startLimit({ startLimitMs = START_LIMIT_MS }: DevServerOptions, tries: number): number {
  return Math.min(startLimitMs * 2 ** tries, LONGEST_START_MS);
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
  await writeDurably(file, Buffer.from(formatSettings(options)));
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

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

interface ServingWait extends Pick<DevServerOptions, 'stateDir' | 'signal'> {
  readonly limitMs: number;
  readonly lives: () => Promise<boolean>;
}

async function untilServing({ port, pid }: ServerRecord, wait: ServingWait): Promise<void> {
  const { limitMs, lives, signal, stateDir } = wait;
  const endMs = performance.now() + limitMs;
  for (;;) {
    const isReady = await isServing(port);
    const isThere = await lives();
    // Another process may serve on the port of one that has died.
    if (isReady && isThere) return;
    signal?.throwIfAborted();
    if (!isThere || performance.now() > endMs) {
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
  const connection = Connection.lazy({ address: `${HOST}:${port}`, channelArgs: NO_PROXY });
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

function endRecorded(record: ServerRecord): Promise<void> {
  return endServer(record.pid, () => isAlive(record));
}
