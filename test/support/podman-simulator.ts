import { mkdtemp, readFile, rm } from 'node:fs/promises';
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { buffer, json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { extract, pack } from 'tar-stream';
import { handOver, refuseUpgrade } from './docker/hand-over.ts';
import { whyNotPrepared } from './podman-attach.ts';

// This proxy before the real Docker answers like Podman 4.3.1 (as root, with runc 1.1.5). It
// imitates Podman's filters, states, messages, platforms and archives of links, and passes all other calls on.

export interface SimulatedPodman {
  /** The value for `[runners.docker] host`. */
  readonly host: string;
  /** `METHOD /path` of all calls so far. The paths have no version and no query. */
  readonly calls: readonly string[];
  /** `METHOD /path state` for each answer with a state that Docker does not have. */
  readonly states: readonly string[];
  close(): Promise<void>;
}

const DOCKER_SOCKET = (process.env['DOCKER_HOST'] ?? '/var/run/docker.sock').replace('unix://', '');
const LIBPOD_HEADERS = { 'libpod-api-version': '4.3.1', server: 'Libpod/4.3.1 (linux)' };
/** The duration of a slow answer, measured on a machine without load. */
const SLOW_MS = 300;

interface Call {
  readonly method: string;
  readonly path: string;
  /** The requested path with version and query. */
  readonly url: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly response: ServerResponse;
}

/** Returns why Podman cannot be simulated here, or undefined. */
export async function whyNoSimulation(): Promise<string | undefined> {
  const engine = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath: DOCKER_SOCKET, path: '/_ping' }, resolve).on('error', reject).end();
  });
  engine.resume();
  const name = String(engine.headers.server);
  return name.startsWith('Docker/') ? undefined : `the engine is ${name}, and no Docker`;
}

export async function simulatePodman(): Promise<SimulatedPodman> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-podman-sim-'));
  const socketPath = join(directory, 'p.sock');
  const calls: string[] = [];
  const states: string[] = [];
  const looks = new Map<string, number>();
  const told = (name: string, docker: string): string => {
    const state = podmanState(docker, looks.get(name) ?? 0);
    looks.set(name, (looks.get(name) ?? 0) + 1);
    if (state !== docker) states.push(state);
    return state;
  };
  const server = createServer((incoming, response) => {
    void takeCall(incoming, response)
      .then(async (call) => {
        calls.push(`${call.method} ${call.path}`);
        await answerFor(call)(call, told);
      })
      // An error closes the connection, as it does in Docker.
      .catch(() => response.destroy());
  });
  server.on('upgrade', (incoming, connection, head) => {
    const { method = '', url = '' } = incoming;
    const path = pathOf(url);
    calls.push(`${method} ${path}`);
    void whyNotPrepared(DOCKER_SOCKET, path.replace(/\/attach$/, '')).then(
      (message) => {
        if (message === undefined) {
          handOver({ incoming, connection, head }, { dockerSocket: DOCKER_SOCKET });
          return;
        }
        const body = { cause: message, message, response: 409 };
        refuseUpgrade(connection, { status: 409, headers: LIBPOD_HEADERS, body });
      },
      () => connection.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    host: `unix://${socketPath}`,
    calls,
    states,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function pathOf(url: string): string {
  return url.replace(/^\/v[\d.]+/, '').replace(/\?.*$/, '');
}

async function takeCall(incoming: IncomingMessage, response: ServerResponse): Promise<Call> {
  const { method = '', url = '', headers } = incoming;
  const { pathname, searchParams: query } = new URL(url, 'http://docker');
  const path = pathOf(pathname);
  return { method, path, url, query, headers, body: await buffer(incoming), response };
}

type Told = (name: string, docker: string) => string;
type Answer = (call: Call, told: Told) => Promise<void>;

const ANSWERS: readonly (readonly [call: RegExp, answer: Answer])[] = [
  [/^GET \/(version|info)$/, answerSlowly],
  [/^GET \/volumes$/, answerVolumes],
  [/^GET \/images\/.+\/json$/, answerImage],
  [/^POST \/containers\/create$/, answerCreation],
  [/^GET \/containers\/[^/]+\/json$/, answerInspection],
  [/^POST \/containers\/[^/]+\/start$/, answerStart],
  [/^POST \/containers\/[^/]+\/(exec|kill)$/, answerWhileRunning],
  [/^(GET|HEAD) \/containers\/[^/]+\/archive$/, answerArchive],
];

function answerFor({ method, path }: Call): Answer {
  return ANSWERS.find(([call]) => call.test(`${method} ${path}`))?.[1] ?? handThrough;
}

/** Returns Docker's answer to a call, or to a changed form of it. */
function askDocker(
  { headers, body, response, ...call }: Call,
  other: { readonly method?: string; readonly url?: string } = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = {
      ...{ socketPath: DOCKER_SOCKET, agent: false },
      ...{ method: other.method ?? call.method, path: other.url ?? call.url },
      headers: {
        ...{ ...headers, connection: 'keep-alive' },
        ...(headers['content-length'] !== undefined && { 'content-length': body.length }),
      },
    };
    const outgoing = request(options, resolve);
    outgoing.on('error', reject);
    response.on('close', () => outgoing.destroy());
    outgoing.end(body);
  });
}

async function handThrough(call: Call): Promise<void> {
  const reply = await askDocker(call);
  call.response.writeHead(reply.statusCode ?? 502, { ...reply.headers, ...LIBPOD_HEADERS });
  await pipeline(reply, call.response);
}

async function answerSlowly(call: Call): Promise<void> {
  await delay(SLOW_MS); // This is the delay of the answer.
  await handThrough(call);
}

function sendJson({ response }: Call, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', ...LIBPOD_HEADERS });
  response.end(JSON.stringify(body));
}

function refuse(call: Call, status: number, message: string): void {
  sendJson(call, status, { cause: message, message, response: status });
}

/** Answers 500 for a name that no image can have. */
async function answerImage(call: Call): Promise<void> {
  const reply = await askDocker(call);
  const body = await json(reply);
  if (reply.statusCode !== 400) return sendJson(call, reply.statusCode ?? 502, body);
  const words = (body as { readonly message: string }).message.replace(/^no such image: .*?: /, '');
  refuse(call, 500, `normalizing image: normalizing name for compat API: ${words}`);
}

/** Creates a container of the image of this name, also for a platform that it is not made for. */
async function answerCreation(call: Call): Promise<void> {
  const url = call.url.replace(/([?&])platform=[^&]*&?/, '$1');
  const given = /"seccomp=(.*?)(?<!\\)"/.exec(call.body.toString())?.[1] ?? 'unconfined';
  if (given.startsWith('{')) {
    const why = `opening seccomp profile failed: open ${given}: no such file or directory`;
    return refuse(call, 500, `container create: ${why}`);
  }
  const body = given === 'unconfined' ? call.body : await withProfile(call.body, given);
  const reply = await askDocker({ ...call, body }, { url });
  call.response.writeHead(reply.statusCode ?? 502, { ...reply.headers, ...LIBPOD_HEADERS });
  await pipeline(reply, call.response);
}

/** Replaces the path of a profile by the profile, which Docker reads itself for nobody. */
async function withProfile(body: Buffer, path: string): Promise<Buffer> {
  const profile = JSON.stringify(await readFile(path, 'utf8'));
  const option = `"seccomp=${profile.slice(1)}`;
  return Buffer.from(body.toString().replace(`"seccomp=${path}"`, () => option));
}

/** Answers with the volumes that match any of the filters. */
async function answerVolumes(call: Call): Promise<void> {
  const filters = JSON.parse(call.query.get('filters') ?? '{}') as Record<string, string[]>;
  const single = Object.entries(filters).flatMap(([key, values]) =>
    values.map((value) => ({ [key]: [value] })),
  );
  const found = new Map<string, unknown>();
  for (const filter of single.length === 0 ? [{}] : single) {
    const url = `/volumes?filters=${encodeURIComponent(JSON.stringify(filter))}`;
    const { Volumes } = (await json(await askDocker(call, { url }))) as {
      readonly Volumes: readonly { readonly Name: string }[] | null;
    };
    for (const volume of Volumes ?? []) found.set(volume.Name, volume);
  }
  sendJson(call, 200, { Volumes: [...found.values()], Warnings: [] });
}

/**
 * Returns the state to show. Successive calls get the short-lived states of Podman, and then
 * Docker's own state.
 */
function podmanState(docker: string, looksBefore: number): string {
  if (looksBefore % 2 === 1) return docker;
  if (docker === 'created') return 'initialized';
  return docker === 'exited' ? 'stopped' : docker;
}

async function answerInspection(call: Call, told: Told): Promise<void> {
  const reply = await askDocker(call);
  const body = (await json(reply)) as { State?: { Status: string } };
  if (body.State !== undefined) body.State.Status = told(call.path, body.State.Status);
  sendJson(call, reply.statusCode ?? 502, body);
}

/** Answers a start that the runtime refuses. The answer is 500 with Podman's message. */
async function answerStart(call: Call): Promise<void> {
  const reply = await askDocker(call);
  const status = reply.statusCode ?? 502;
  if (status < 400) {
    reply.resume();
    call.response.writeHead(status, LIBPOD_HEADERS).end();
    return;
  }
  const { message } = (await json(reply)) as { readonly message: string };
  refuse(call, status === 404 ? 404 : 500, podmanWords(message));
}

/** Refuses what needs a running container with 500, where Docker answers 409. */
async function answerWhileRunning(call: Call): Promise<void> {
  const reply = await askDocker(call);
  if (reply.statusCode === 409) {
    reply.resume();
    const wish = call.path.endsWith('/kill') ? 'kill running' : 'create exec sessions on running';
    refuse(call, 500, `can only ${wish} containers: container state improper`);
    return;
  }
  call.response.writeHead(reply.statusCode ?? 502, { ...reply.headers, ...LIBPOD_HEADERS });
  await pipeline(reply, call.response);
}

function podmanWords(docker: string): string {
  const runc = /runc create failed: .*?(?=: unknown|$)/.exec(docker)?.[0];
  if (runc === undefined) return docker;
  const isMissing = /executable file not found|no such file/.test(runc);
  const missing = 'OCI runtime attempted to invoke a command that was not found';
  const other = /permission denied/.test(runc) ? 'OCI permission denied' : 'OCI runtime error';
  return `runc: ${runc}: ${isMissing ? missing : other}`;
}

const STAT_HEADER = 'x-docker-container-path-stat';
const NOT_FOUND = 'no such file or directory';
const MODE_SYMLINK = 2 ** 27;

interface PathStat {
  readonly name: string;
  readonly mode: number;
  readonly linkTarget: string;
}

/**
 * Answers with the archive of a link's target under the link's name. Names are patterns, and root
 * owns the members. In a volume of a stopped container nothing shows that there is a link: the
 * member has the name of the target.
 */
async function answerArchive(call: Call): Promise<void> {
  const path = call.query.get('path') ?? '';
  if (/[*?[\\]/.test(path)) {
    refuse(call, 404, NOT_FOUND);
    return;
  }
  const asked = await statOf(call, path);
  const target = asked !== undefined && isLink(asked) ? asked.linkTarget : path;
  const reached = target === path ? asked : await statOf(call, target);
  const isUntold = await isOnIdleVolume(call, path);
  const told = isUntold ? reached : asked;
  if (told !== undefined) call.response.setHeader(STAT_HEADER, encode(told));
  if (reached === undefined) refuse(call, 404, NOT_FOUND);
  else if (call.method === 'HEAD') call.response.writeHead(200, LIBPOD_HEADERS).end();
  else await sendArchive(call, target, posix.basename(isUntold ? target : path));
}

async function isOnIdleVolume(call: Call, path: string): Promise<boolean> {
  const url = call.path.replace(/archive$/, 'json');
  const { State, Mounts } = (await json(await askDocker(call, { method: 'GET', url }))) as {
    readonly State?: { readonly Running: boolean };
    readonly Mounts?: readonly { readonly Type: string; readonly Destination: string }[];
  };
  if (State?.Running !== false) return false;
  return (Mounts ?? []).some(
    ({ Type, Destination }) => Type === 'volume' && path.startsWith(`${Destination}/`),
  );
}

function isLink({ mode }: PathStat): boolean {
  return Math.floor(mode / MODE_SYMLINK) % 2 === 1;
}

function encode(stat: PathStat): string {
  return Buffer.from(JSON.stringify(stat)).toString('base64');
}

function archiveUrl({ path }: Call, ofPath: string): string {
  return `${path}?path=${encodeURIComponent(ofPath)}`;
}

async function statOf(call: Call, path: string): Promise<PathStat | undefined> {
  const reply = await askDocker(call, { method: 'HEAD', url: archiveUrl(call, path) });
  reply.resume();
  const header = reply.headers[STAT_HEADER];
  if (reply.statusCode !== 200 || typeof header !== 'string') return undefined;
  return JSON.parse(Buffer.from(header, 'base64').toString()) as PathStat;
}

async function sendArchive(call: Call, target: string, name: string): Promise<void> {
  const reply = await askDocker(call, { method: 'GET', url: archiveUrl(call, target) });
  call.response.writeHead(200, { 'content-type': 'application/x-tar', ...LIBPOD_HEADERS });
  const renamed = (path: string): string => path.replace(/^[^/]+/, name);
  const out = pack();
  const entries = extract();
  const sending = pipeline(out, call.response);
  sending.catch(() => entries.destroy()); // The reader may have closed the stream early.
  const reading = pipeline(reply, entries);
  reading.catch(() => undefined); // The loop below reads the same stream and reports the error.
  for await (const entry of entries) {
    const { header } = entry;
    const linkname = header.type === 'link' ? renamed(header.linkname) : header.linkname;
    const to = out.entry({
      ...{ ...header, uid: 0, gid: 0, name: renamed(header.name) },
      ...(header.type === 'symlink' || header.type === 'link' ? { linkname } : {}),
    });
    if (header.type === 'file') await pipeline(entry, to);
    else {
      entry.resume();
      to.end(undefined);
    }
  }
  await reading;
  out.finalize();
  await sending;
}
