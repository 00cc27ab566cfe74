import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CACHE_TABLES } from '../../src/adapters/config/cache-schema.ts';
import { dockerSchema } from '../../src/adapters/config/docker-schema.ts';
import { customBuildDirSchema, runnerSchema } from '../../src/adapters/config/schema.ts';
import { ENTRY_KEYS } from '../../src/commands/entry-keys.ts';
import { describeRegister } from '../../src/commands/register-options.ts';

/** Keys with options of their own, tables, and keys for which gitlab-runner has no option. */
const WITHOUT_ROW = {
  runners: [
    ...['name', 'url', 'token', 'id', 'executor'],
    ...['docker', 'cache', 'custom_build_dir', 'artifact'],
  ],
  docker: ['services'],
  cache: ['s3', 'gcs', 'azure'],
} as const;

const ACTED = {
  runners: Object.keys(runnerSchema.shape),
  docker: Object.keys(dockerSchema.shape),
  custom_build_dir: Object.keys(customBuildDirSchema.shape),
  ...CACHE_TABLES,
} as const;

describe('options for the keys of an entry', () => {
  for (const [table, acted] of Object.entries(ACTED)) {
    it(`there is one for each key of ${table} that is acted on`, () => {
      const without: readonly string[] = WITHOUT_ROW[table as keyof typeof WITHOUT_ROW] ?? [];
      const rows = ENTRY_KEYS[table as keyof typeof ENTRY_KEYS].filter(
        (row) => !('isOldName' in row),
      );
      assert.deepEqual(
        rows.map(({ key }) => key).sort(),
        acted.filter((key) => !without.includes(key)).sort(),
      );
    });
  }

  it('no two have the same name or variable', () => {
    const { options } = describeRegister();
    for (const all of [
      options.map(({ long }) => long),
      options.map((option) => option.attributeName()),
      options.flatMap(({ envVar }) => envVar ?? []),
    ]) {
      assert.deepEqual(
        all.filter((name, index) => all.indexOf(name) !== index),
        [],
      );
    }
  });
});
