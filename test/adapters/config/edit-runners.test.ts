import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { appendRunner, removeRunners } from '../../../src/adapters/config/edit-runners.ts';
import { parseToml } from '../../../src/adapters/config/parse-toml.ts';
import { withoutKey } from '../../../src/adapters/config/toml-table.ts';
import { renderTableArrayEntry } from '../../../src/adapters/config/render-toml.ts';
import { FailureType } from '../../../src/domain/failure.ts';

const FILE = `# our fleet
concurrent = 4   # cores

# the old one
[[runners]]
  name = "a"
  [runners.docker] # docker here
    image = "x"
    [runners.docker.tmpfs]
      "/run" = "rw"

# the new one,
# for tests
[[ runners ]]
  name = "b"
  pre_build_script = """
[[runners]]
[session_server]
"""
  volumes = [
    "/cache",
  ]
  [runners.docker]
    image = 'y'
[[runners]]
name = "c"
[session_server]
  session_timeout = 1800
`;

const ENTRY = {
  name: 'new',
  token_expires_at: new Date('2027-01-01T00:00:00Z'),
  environment: ['A=b', 'C="d"'],
  limit: 3,
  docker: { image: 'busybox', privileged: true, tmpfs: { '/run': 'rw' } },
};

describe('appendRunner', () => {
  it('adds a block that every gitlab-runner can read, and changes nothing else', () => {
    const text = appendRunner(FILE, ENTRY);
    assert.ok(text.startsWith(FILE));
    assert.equal(
      text.slice(FILE.length),
      `
[[runners]]
  name = "new"
  token_expires_at = 2027-01-01T00:00:00Z
  environment = ["A=b", "C=\\"d\\""]
  limit = 3
  [runners.docker]
    image = "busybox"
    privileged = true
    [runners.docker.tmpfs]
      "/run" = "rw"
`,
    );
  });

  it('writes lists of tables as blocks after the values, and numbers with a point', () => {
    const services = [
      { name: 'postgres:16', environment: ['A=b'], labels: { a: 'b' } },
      { name: 'redis' },
    ];
    const text = appendRunner(FILE, {
      docker: { services, tmpfs: { '/run': 'rw' }, image: 'busybox' },
      monitoring: { thresholds: [0.5, 1e-7, 1e21], empty: [] },
    });
    assert.equal(
      text.slice(FILE.length),
      `
[[runners]]
  [runners.docker]
    image = "busybox"
    [[runners.docker.services]]
      name = "postgres:16"
      environment = ["A=b"]
      [runners.docker.services.labels]
        a = "b"
    [[runners.docker.services]]
      name = "redis"
    [runners.docker.tmpfs]
      "/run" = "rw"
  [runners.monitoring]
    thresholds = [0.5, 1.0e-7, 1.0e+21]
    empty = []
`,
    );
  });

  for (const [value, why] of [
    [Number.NaN, 'TOML 0.4 has no NaN'],
    [['a', { b: 1 }], 'a list has one type'],
  ] as const) {
    it(`refuses a value that it cannot write: ${why}`, () => {
      assert.throws(() => appendRunner(FILE, { value }), /no TOML for a value of type/);
    });
  }

  it('begins a new file as gitlab-runner does', () => {
    assert.equal(
      appendRunner('', { name: 'new' }),
      'concurrent = 1\ncheck_interval = 0\nshutdown_timeout = 0\n\n[[runners]]\n  name = "new"\n',
    );
  });

  it('uses the file’s own spelling for its runners', () => {
    const text = appendRunner('[[Runners]]\nname = "a"\n', { name: 'b' });
    assert.deepEqual(Object.keys(parseToml(text, '')), ['Runners']);
  });

  it('refuses a file whose runners are not blocks, because it would break it', () => {
    assert.throws(() => appendRunner('runners = [{ name = "a" }]\n', ENTRY), {
      type: FailureType.InvalidConfig,
      message: /cannot be edited here: write every runner as a \[\[runners\]\] block/,
    });
  });
});

describe('removeRunners', () => {
  const names = (text: string): unknown =>
    (parseToml(text, '')['runners'] as { name: string }[] | undefined)?.map(({ name }) => name);

  for (const [gone, left] of [
    [[0], ['b', 'c']],
    [[1], ['a', 'c']],
    [[2], ['a', 'b']],
    [[0, 2], ['b']],
    [[], ['a', 'b', 'c']],
  ] as const) {
    it(`leaves ${left.join(', ')} of a, b, c`, () => {
      const text = removeRunners(FILE, new Set(gone));
      assert.deepEqual(names(text), left);
      assert.match(text, /^# our fleet\nconcurrent = 4 {3}# cores\n/);
      assert.match(text, /\[session_server\]\n {2}session_timeout = 1800\n$/);
      const [before, after] = [parseToml(FILE, ''), parseToml(text, '')];
      assert.deepEqual(withoutKey(after, 'runners'), withoutKey(before, 'runners'));
    });
  }

  it('keeps the comments above a runner that stays', () => {
    assert.match(
      removeRunners(FILE, new Set([0])),
      /# the new one,\n# for tests\n\[\[ runners \]\]/,
    );
  });

  it('leaves a file to which a runner can be added again', () => {
    const text = removeRunners(FILE, new Set([0, 1, 2]));
    assert.equal(names(text), undefined);
    assert.deepEqual(names(appendRunner(text, { name: 'again' })), ['again']);
  });
});

describe('renderTableArrayEntry', () => {
  it('writes text that is read back unchanged, whatever the values contain', () => {
    // The toml package refuses some names, and no real table has them.
    const key = fc.string({ minLength: 1 }).filter((name) => !(name in {}));
    const text = fc.string({ unit: 'binary' });
    const number = fc
      .double({ noNaN: true, noDefaultInfinity: true })
      // Files do not tell it from 0.
      .map((value) => (Object.is(value, -0) ? 0 : value));
    const one = fc.oneof(text, fc.boolean(), fc.maxSafeInteger(), number);
    const tables = fc.array(fc.dictionary(key, one), { minLength: 1 });
    const value = fc.oneof(one, fc.array(text), tables);
    fc.assert(
      fc.property(fc.dictionary(key, value), fc.dictionary(key, text), (entry, inner) => {
        const written = renderTableArrayEntry('runners', { ...entry, docker: inner });
        const read = parseToml(written, '')['runners'] as readonly unknown[];
        assert.equal(
          JSON.stringify(sorted(read[0])),
          JSON.stringify(sorted({ ...entry, docker: inner })),
        );
      }),
    );
  });
});

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.entries(value)
    .map(([name, inner]) => [name, sorted(inner)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
