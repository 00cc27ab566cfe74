import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUILD_LABEL } from '../../../src/adapters/docker/labels.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import {
  containerSpec,
  created,
  JOB_IMAGE,
  mountedVolumes,
  openEngine,
  randomName,
  readOutput,
  runScript,
  untilOutput,
  volumeNames,
} from './support.ts';

const engine = openEngine();
// Without a daemon the whole file fails here, because otherwise a test would wait for one for ever.
await engine.info();
const never = new AbortController().signal;

void test('the engine reports its kind and version', async () => {
  const info = await engine.info();
  assert.equal(info.osType, 'linux');
  assert.notEqual(info.architecture, '');
});

void test('an image is found by its name and by its id, and an unknown one is not', async () => {
  const image = await engine.inspectImage(JOB_IMAGE);
  assert.match(image?.id ?? '', /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(await engine.inspectImage(image?.id ?? ''), image);
  assert.equal(await engine.inspectImage('tgr-test/absent:none'), undefined);
});

void test('an image given by its id is not pulled', async () => {
  const image = await engine.inspectImage(JOB_IMAGE);
  assert.deepEqual(await engine.pullImage(image?.id ?? '', {}), image);
  await assert.rejects(engine.pullImage(`sha256:${'0'.repeat(64)}`, {}), {
    type: FailureType.RunnerConfiguration,
  });
});

void test('a container is created and runs, and its end and output are reported', async (t) => {
  const id = await created(t, engine, {
    command: ['sh', '-c', 'echo out "$GREETING"; echo err >&2; exit 7'],
    environment: ['GREETING=hello there'],
  });
  assert.equal((await engine.inspectContainer(id))?.state, 'created');
  await engine.startContainer(id);
  const status = await engine.waitForExit(id, never);
  assert.equal(status.state, 'exited');
  assert.equal(status.exitCode, 7);
  assert.equal(status.id, id);
  const frames = await engine.readLogs(id, { maxBytes: 1000 });
  const of = (stream: string): string =>
    frames
      .filter((frame) => frame.stream === stream)
      .map(({ bytes }) => Buffer.from(bytes).toString())
      .join('');
  assert.equal(of('stdout'), 'out hello there\n');
  assert.equal(of('stderr'), 'err\n');
  const short = await engine.readLogs(id, { maxBytes: 5 });
  assert.equal(
    short.reduce((sum, { bytes }) => sum + bytes.length, 0),
    5,
  );
  await engine.startContainer(id);
  await engine.waitForExit(id, never);
  const both = await engine.readLogs(id, { maxBytes: 1000 });
  const text = both.map(({ bytes }) => Buffer.from(bytes).toString()).join('');
  assert.equal(text.split('out hello there').length, 3, 'what both starts wrote');
});

void test('a log is followed over all starts, until the container has ended', async (t) => {
  const id = await created(t, engine, {
    command: ['sh', '-c', 'echo said; sleep 0.3; echo last >&2'],
  });
  await engine.startContainer(id);
  await engine.waitForExit(id, never);
  await engine.startContainer(id);
  let text = '';
  const states: string[] = [];
  for await (const { stream, bytes } of await engine.followLogs(id, {
    maxBytes: 1000,
    signal: never,
  })) {
    text += `${stream} ${Buffer.from(bytes).toString()}`;
    states.push((await engine.inspectContainer(id))?.state ?? '');
  }
  const once = 'stdout said\nstderr last\n';
  assert.equal(text, `${once}${once}`);
  assert.equal(states[2], 'running', 'a line is there at once');
});

void test('a followed log ends at its limit, when it is left, and with its signal', async (t) => {
  const id = await created(t, engine, { command: ['sh', '-c', 'echo first; exec sleep 60'] });
  await engine.startContainer(id);
  const of = async (maxBytes: number, signal: AbortSignal): Promise<string> => {
    for await (const { bytes } of await engine.followLogs(id, { maxBytes, signal })) {
      return Buffer.from(bytes).toString();
    }
    return 'nothing';
  };
  assert.equal(await of(1000, never), 'first\n');
  assert.equal(await of(3, never), 'fir');
  assert.equal(await of(0, never), 'nothing');
  const unwanted = new AbortController();
  const log = await engine.followLogs(id, { maxBytes: 1000, signal: unwanted.signal });
  const reading = (async () => {
    for await (const { bytes } of log) if (bytes.length > 0) unwanted.abort();
  })();
  await assert.rejects(reading, { name: 'AbortError' });
  await assert.rejects(
    engine.followLogs('tgr-test-absent', { maxBytes: 9, signal: never }),
    /is gone/,
  );
});

void test('a container is created once for a build, and replaced when another build had it', async (t) => {
  const spec = containerSpec();
  const id = await created(t, engine, spec);
  assert.equal(await engine.createContainer(spec), id);
  const other = { ...spec, labels: { [BUILD_LABEL]: 'another' } };
  const newId = await engine.createContainer(other);
  assert.notEqual(newId, id);
  assert.equal(await engine.inspectContainer(id), undefined);
});

void test('a container of the same name that belongs to somebody else stays', async (t) => {
  const name = randomName();
  const foreign = await created(t, engine, { name, labels: {} });
  await assert.rejects(engine.createContainer(containerSpec({ name })), {
    type: FailureType.RunnerSystem,
  });
  assert.notEqual(await engine.inspectContainer(foreign), undefined);
});

void test('a container that Docker calls malformed is a configuration error', async (t) => {
  const order = created(t, engine, { environment: ['=/builds/no-name'] });
  await assert.rejects(order, { type: FailureType.RunnerConfiguration });
});

void test('a container of a missing image can be tried again', async (t) => {
  const order = created(t, engine, { image: 'tgr-test/absent:none' });
  await assert.rejects(order, { name: 'TransientError', message: /tgr-test\/absent:none/ });
});

void test('starting a program that the image lacks fails permanently, in Docker’s words', async (t) => {
  const id = await created(t, engine, { command: ['no-such-shell'] });
  await assert.rejects(engine.startContainer(id), {
    type: FailureType.RunnerSystem,
    message: /no-such-shell.*executable file not found/,
  });
  const status = await engine.inspectContainer(id);
  assert.match(status?.error ?? '', /executable file not found/);
});

void test('starting twice is no error, and a stopped container starts again', async (t) => {
  const id = await created(t, engine, { command: ['sh', '-c', 'echo started; sleep 60'] });
  await engine.startContainer(id);
  await engine.startContainer(id);
  await engine.stopContainer(id, 'kill');
  const first = await engine.inspectContainer(id);
  await engine.startContainer(id);
  const second = await engine.inspectContainer(id);
  assert.equal(second?.state, 'running');
  assert.notEqual(second.startedAt, first?.startedAt);
});

void test('waiting ends with the signal, with its reason', async (t) => {
  const id = await created(t, engine, { command: ['sleep', '60'] });
  await engine.startContainer(id);
  const waiting = new AbortController();
  const wait = engine.waitForExit(id, waiting.signal);
  waiting.abort(new Error('no longer wanted'));
  await assert.rejects(wait, { message: 'no longer wanted' });
});

void test('waiting for a container that is gone fails permanently', async () => {
  await assert.rejects(engine.waitForExit(randomName(), never), { type: FailureType.RunnerSystem });
});

void test('waiting ends when somebody kills the container', async (t) => {
  const id = await created(t, engine, { command: ['sleep', '60'] });
  await engine.startContainer(id);
  const wait = engine.waitForExit(id, never);
  await engine.stopContainer(id, 'kill');
  assert.equal((await wait).exitCode, 137);
});

void test('a graceful stop reaches the children of a shell and lets them finish', async (t) => {
  const id = await created(t, engine, {
    command: [
      'sh',
      '-c',
      // PID 1 waits in the foreground and so forwards no signal.
      `sh -c 'trap "echo child cleans up; exit 0" TERM; echo ready; while :; do sleep 0.1; done'; echo parent ends; exit 3`,
    ],
  });
  await engine.startContainer(id);
  await untilOutput(engine, id, 'ready');
  await engine.stopContainer(id, 'graceful');
  const status = await engine.inspectContainer(id);
  assert.equal(status?.state, 'exited');
  assert.equal(status.exitCode, 3);
  // A shell may print between the two that its child was terminated.
  assert.match(await readOutput(engine, id), /child cleans up\n(.*\n)*parent ends/);
});

void test('a graceful stop kills a process that ignores it', async (t) => {
  const hasty = openEngine({ timing: { stopGraceMs: 1_000 } });
  const id = await created(t, engine, {
    command: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'],
  });
  await engine.startContainer(id);
  await untilOutput(engine, id, 'ready');
  await hasty.stopContainer(id, 'graceful');
  assert.equal((await engine.inspectContainer(id))?.exitCode, 137);
});

void test('stopping a container that does not run is no error', async (t) => {
  const id = await created(t, engine);
  await engine.stopContainer(id, 'graceful');
  await engine.stopContainer(id, 'kill');
  await engine.stopContainer(randomName(), 'graceful');
  await engine.stopContainer(randomName(), 'kill');
});

void test('files get into a container that was never started, through its volumes, with their modes', async (t) => {
  const volume = randomName();
  await engine.ensureVolume({ name: volume, labels: {} });
  const id = await created(t, engine, {
    binds: [`${volume}:/builds`],
    user: '1234:1234',
    command: [
      'sh',
      '-c',
      'stat -c "%a %u %n" /builds /builds/group /builds/group/secret; cat /builds/group/secret; touch /builds/mine && echo wrote',
    ],
  });
  t.after(() => engine.removeVolume(volume));
  await engine.putArchive(id, '/', [
    { path: '/builds', type: 'directory', mode: 0o777 },
    { path: '/builds/group', type: 'directory', mode: 0o755 },
    {
      path: '/builds/group/secret',
      type: 'file',
      mode: 0o644,
      content: new TextEncoder().encode('content\n'),
    },
  ]);
  await engine.startContainer(id);
  await engine.waitForExit(id, never);
  assert.deepEqual((await readOutput(engine, id)).trim().split('\n'), [
    '777 0 /builds',
    '755 0 /builds/group',
    '644 0 /builds/group/secret',
    'content',
    'wrote',
  ]);
});

void test('files of the host are mounted, and the container is set up as its spec says', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const source = join(directory, 'script');
  await writeFile(source, 'from the host');
  const { output, exitCode } = await runScript(t, engine, {
    // Everything is printed to one stream, because Docker does not keep the order between two.
    script:
      'exec 2>&1; hostname; id -u; cat /stage/script; echo; grep -c "/scratch tmpfs" /proc/mounts; grep extra /etc/hosts; grep ^nameserver /etc/resolv.conf; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; df -k /dev/shm | tail -1 | awk "{print \\$2}"; echo x > /stage/script',
    hostname: 'given-name',
    user: '42',
    fileMounts: [{ source, target: '/stage/script', readOnly: true }],
    tmpfs: { '/scratch': 'rw,size=1m' },
    extraHosts: ['extra:10.1.2.3'],
    dns: ['10.9.8.7'],
    memoryBytes: 64 * 1024 * 1024,
    shmSizeBytes: 8 * 1024 * 1024,
  });
  const lines = output.split('\n');
  assert.deepEqual(lines.slice(0, 4), ['given-name', '42', 'from the host', '1']);
  assert.match(lines[4] ?? '', /10\.1\.2\.3\s+extra/);
  assert.deepEqual(lines.slice(5, 8), ['nameserver 10.9.8.7', String(64 * 1024 * 1024), '8192']);
  assert.notEqual(exitCode, 0, 'the mount is read-only');
});

void test('containers of a network find each other by alias, and the network is removed with containers attached', async (t) => {
  const name = randomName();
  const labels = { [BUILD_LABEL]: name };
  t.after(() => engine.removeNetwork(name));
  await engine.createNetwork({ name, labels });
  await engine.createNetwork({ name, labels });
  await assert.rejects(engine.createNetwork({ name, labels: {} }), {
    type: FailureType.RunnerSystem,
  });
  const id = await created(t, engine, {
    networkMode: name,
    networkAliases: ['build'],
    command: ['sh', '-c', 'ping -c 1 build >/dev/null && echo found; sleep 60'],
  });
  await engine.startContainer(id);
  await untilOutput(engine, id, 'found');
  const left = await engine.listByLabels(labels);
  assert.equal(left.networks.length, 1);
  await engine.removeNetwork(left.networks[0] ?? '');
  assert.deepEqual((await engine.listByLabels(labels)).networks, []);
  await engine.removeNetwork(name);
});

void test('everything of a build is listed, and nothing of another build or installation', async (t) => {
  const name = randomName();
  const labels = { [BUILD_LABEL]: name };
  const id = await created(t, engine, { labels });
  t.after(() => engine.removeVolume(name));
  await engine.ensureVolume({ name, labels });
  await engine.ensureVolume({ name, labels });
  assert.deepEqual(await engine.listByLabels(labels), {
    containers: [id],
    volumes: [name],
    networks: [],
  });
  assert.ok((await engine.listBuildIds()).includes(name));
  const nothing = { containers: [], volumes: [], networks: [] };
  assert.deepEqual(await engine.listByLabels({ [BUILD_LABEL]: `${name}x` }), nothing);
  const other = openEngine({ installation: 'another' });
  assert.deepEqual(await other.listByLabels(labels), nothing);
  assert.deepEqual(await other.listBuildIds(), []);
});

void test('a container is removed while it runs, with its anonymous volumes, and a second time without an error', async (t) => {
  const id = await created(t, engine, { command: ['sleep', '60'], binds: ['/anonymous'] });
  await engine.startContainer(id);
  const [volume = ''] = await mountedVolumes(id);
  assert.ok((await volumeNames()).includes(volume));
  await Promise.all([engine.removeContainer(id), engine.removeContainer(id)]);
  await engine.removeContainer(id);
  assert.equal(await engine.inspectContainer(id), undefined);
  assert.ok(!(await volumeNames()).includes(volume));
});

void test('a volume in use is not removed now, one that is absent is fine', async (t) => {
  const name = randomName();
  await engine.ensureVolume({ name, labels: {} });
  const id = await created(t, engine, { binds: [`${name}:/data`] });
  await assert.rejects(engine.removeVolume(name), { name: 'TransientError' });
  await engine.removeContainer(id);
  await engine.removeVolume(name);
  await engine.removeVolume(name);
});

void test('names from outside cannot lead elsewhere', async () => {
  assert.equal(await engine.inspectContainer('x?size=1#y'), undefined);
  for (const name of ['../containers', 'a//b', './a', '']) {
    await assert.rejects(engine.inspectImage(name), { type: FailureType.RunnerConfiguration });
  }
});
