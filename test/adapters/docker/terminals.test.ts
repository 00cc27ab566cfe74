import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ContainerTerminal } from '../../../src/ports/index.ts';
import { created, openEngine, randomName } from './support.ts';

const engine = openEngine();
await engine.info();

/** Starts a container that runs until the test has ended. */
async function running(t: TestContext): Promise<string> {
  const id = await created(t, engine, { command: ['sh', '-c', 'sleep 600'] });
  await engine.startContainer(id);
  return id;
}

async function opened(
  t: TestContext,
  { id, command, hasTty }: { id: string; command: string; hasTty: boolean },
): Promise<ContainerTerminal> {
  const terminal = await engine.openTerminal(id, { command: ['sh', '-c', command], hasTty });
  assert.ok(terminal);
  t.after(() => terminal.close());
  return terminal;
}

/** Creates a function that reads the output until it contains the text. */
function createReader(terminal: ContainerTerminal): (text: string) => Promise<string> {
  const output = terminal.output[Symbol.asyncIterator]();
  let seen = '';
  return async (text) => {
    while (!seen.includes(text)) {
      const next = await output.next();
      if (next.done === true) throw new Error(`ended without "${text}": ${seen}`);
      seen += Buffer.from(next.value.bytes).toString();
    }
    const until = seen.indexOf(text) + text.length;
    const said = seen.slice(0, until);
    seen = seen.slice(until);
    return said;
  };
}

async function readAll(terminal: ContainerTerminal): Promise<{ stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  for await (const { stream, bytes } of terminal.output)
    said[stream] += Buffer.from(bytes).toString();
  return said;
}

void test('a terminal in a running container answers, echoes and can be resized', async (t) => {
  const terminal = await opened(t, { id: await running(t), command: 'exec sh', hasTty: true });
  const until = createReader(terminal);
  await terminal.write(Buffer.from('echo sum=$((40 + 2)); tty\n'));
  assert.match(await until('sum=42'), /echo sum=/, 'what is typed is echoed');
  await until('/dev/pts/');
  await terminal.resize({ columns: 133, rows: 47 });
  await terminal.write(Buffer.from('stty size\n'));
  await until('47 133');
  assert.equal(await terminal.exitCode(), undefined);
  await terminal.write(Buffer.from('exit 5\n'));
  await until('exit 5');
  await assert.rejects(until('never said'), /ended without/);
  assert.equal(await terminal.exitCode(), 5);
});

void test('without a TTY stdin has an end, and stdout and stderr are separate', async (t) => {
  const command = 'read -r line; echo "got $line"; cat; echo err >&2; exit 3';
  const terminal = await opened(t, { id: await running(t), command, hasTty: false });
  await terminal.write(Buffer.from('first\nrest'));
  terminal.endInput();
  assert.deepEqual(await readAll(terminal), { stdout: 'got first\nrest', stderr: 'err\n' });
  assert.equal(await terminal.exitCode(), 3);
});

void test('a closed terminal leaves no process behind in a running container', async (t) => {
  const id = await running(t);
  const terminal = await opened(t, { id, command: 'exec sh', hasTty: true });
  const until = createReader(terminal);
  await terminal.write(Buffer.from('(sleep 4321; echo done) & sleep 1234; echo "rea"dy\n'));
  await until('sleep 1234');
  const look = async (): Promise<string> => {
    const looking = await opened(t, {
      ...{ id, hasTty: false },
      command: 'for p in /proc/[0-9]*/cmdline; do tr "\\0" " " <"$p" 2>/dev/null; echo; done',
    });
    return (await readAll(looking)).stdout;
  };
  while (!(await look()).includes('sleep 1234'));
  await terminal.close();
  let processes = await look();
  while (/sleep (1234|4321)/.test(processes)) processes = await look();
  assert.match(processes, /sleep 600/);
});

void test('a terminal ends with its container', async (t) => {
  const id = await running(t);
  const terminal = await opened(t, { id, command: 'exec sh', hasTty: true });
  await engine.stopContainer(id, 'kill');
  for await (const _ of terminal.output);
  await terminal.write(Buffer.from('nobody reads this'));
  await terminal.resize({ columns: 80, rows: 24 });
  await terminal.close();
});

void test('no terminal opens in a container that does not run', async (t) => {
  const wish = { command: ['sh'], hasTty: true };
  assert.equal(await engine.openTerminal(randomName(), wish), undefined);
  const id = await created(t, engine);
  assert.equal(await engine.openTerminal(id, wish), undefined);
});

void test('a terminal that nobody reads blocks its command and uses no memory', async (t) => {
  const command = 'yes | head -c 200000000 >/dev/stdout; echo end >&2';
  const terminal = await opened(t, { id: await running(t), command, hasTty: false });
  const before = process.memoryUsage().rss;
  const output = terminal.output[Symbol.asyncIterator]();
  assert.equal((await output.next()).done, false);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(process.memoryUsage().rss - before < 50e6);
  assert.equal(await terminal.exitCode(), undefined, 'it waits to be read');
  await terminal.close();
});
