import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { projectRoot } from '../support/project-root.ts';

const ROOT = projectRoot();

function read(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8');
}

/** Returns the indented block of a service. */
function service(name: string): string {
  const block = new RegExp(`^ {2}${name}:\n((?: {4}.*\n|\n)+)`, 'm').exec(
    read('docker-compose.yml'),
  );
  assert.ok(block?.[1] !== undefined, `there is no service ${name}`);
  return block[1];
}

/** Returns the names in the `environment` of a service. */
function variablesOf(name: string): ReadonlySet<string> {
  return new Set([...service(name).matchAll(/^ {6}([A-Z][A-Z_]+):/gm)].map(([, key]) => key ?? ''));
}

/**
 * Finds the names in all source files, also in comments, because a name in a comment has to be
 * right too.
 */
function namesInSources(pattern: RegExp): readonly string[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const texts = files.filter((file) => file.endsWith('.ts')).map((file) => read(join('src', file)));
  return [...new Set(texts.flatMap((text) => text.match(pattern) ?? []))].sort();
}

it('every setting of a node reaches the worker of the compose file', () => {
  const passed = variablesOf('worker');
  const settings = namesInSources(/\bTEMPORAL_GITLAB_RUNNER_[A-Z_]*[A-Z]\b|\bOTEL_[A-Z_]*[A-Z]\b/g);
  assert.ok(settings.length > 8, settings.join());
  assert.deepEqual(
    settings.filter((name) => !passed.has(name)),
    [],
  );
});

it('so do the variables by which operations.md says that a node finds its Temporal', () => {
  const passed = variablesOf('worker');
  const named =
    read('docs/operations.md').match(/`TEMPORAL_(?!GITLAB|CLI|CODEC|UI)[A-Z_]+`/g) ?? [];
  const names = [...new Set(named)].map((name) => name.slice(1, -1));
  assert.ok(names.includes('TEMPORAL_TLS_SERVER_NAME'), names.join());
  assert.deepEqual(
    names.filter((name) => !passed.has(name)),
    [],
  );
});

it('.env.example has what the compose file reads, and nothing else', () => {
  const compose = read('docker-compose.yml');
  const interpolated = [...compose.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name ?? '');
  const handedOn = [...compose.matchAll(/^ {6}([A-Z_]+):$/gm)].map(([, name]) => name ?? '');
  const offered = [...read('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(
    ([, name]) => name ?? '',
  );
  assert.deepEqual([...new Set([...interpolated, ...handedOn])].sort(), [...offered].sort());
});

it('only variables of the worker are required, because a second node has no other service', () => {
  const required = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+):?\?/g)];
  assert.deepEqual(
    required.map(([, name]) => name),
    [...service('worker').matchAll(/\$\{([A-Z_]+):?\?/g)].map(([, name]) => name),
  );
});
