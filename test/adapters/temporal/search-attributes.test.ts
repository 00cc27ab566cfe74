import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { registerSearchAttributes } from '../../../src/adapters/temporal/search-attributes.ts';
import { ATTRIBUTE_TYPES } from '../../../src/domain/context/job-attributes.ts';
import { recordingLog } from '../../support/recording-log.ts';

const NAMES = Object.keys(ATTRIBUTE_TYPES);

/** As Temporal's client says what its server has refused. */
function refusal(code: number, details: string): Error {
  return Object.assign(new Error(`${code}: ${details}`), { code, details });
}

interface FakeTemporal {
  /** What is registered already, by the number of its type. */
  readonly there?: Readonly<Record<string, number>>;
  readonly list?: Error;
  readonly add?: Error;
}

/** Registers with a Temporal that answers so; ends with what the log says of it. */
async function register({ there = {}, list, add }: FakeTemporal) {
  const added: Readonly<Record<string, number>>[] = [];
  const client = {
    options: { namespace: 'builds' },
    connection: {
      operatorService: {
        listSearchAttributes: () =>
          list ? Promise.reject(list) : Promise.resolve({ customAttributes: there }),
        addSearchAttributes: (sent: { searchAttributes: Record<string, number> }) => {
          added.push(sent.searchAttributes);
          return add ? Promise.reject(add) : Promise.resolve({});
        },
      },
    },
    workflowService: { countWorkflowExecutions: () => Promise.resolve({}) },
  } as unknown as Client;
  const { log, said } = recordingLog();
  const attributes = registerSearchAttributes(client, log, new AbortController().signal);
  assert.equal(attributes.areThere, false, 'not before Temporal has answered');
  while (said.length === 0 && !attributes.areThere) await new Promise(setImmediate);
  await new Promise(setImmediate);
  return { attributes, said, added };
}

describe('the search attributes of builds', () => {
  it('are registered as far as they are missing, and the log names those', async () => {
    const { attributes, said, added } = await register({ there: { Project: 2 } });
    assert.equal(attributes.areThere, true);
    assert.deepEqual(
      Object.keys(added[0] ?? {}),
      NAMES.filter((name) => name !== 'Project'),
    );
    assert.deepEqual(
      said.map(({ level }) => level),
      ['info'],
    );
  });

  it('are there although another node was faster to register them', async () => {
    const add = refusal(6, 'Search attribute Project already exists');
    const { attributes, said } = await register({ add });
    assert.equal(attributes.areThere, true);
    assert.deepEqual(
      said.map(({ level }) => level),
      ['info'],
    );
  });

  const refused: [why: string, temporal: FakeTemporal, reason: RegExp][] = [
    ['may not list them', { list: refusal(7, 'Request unauthorized.') }, /unauthorized/],
    ['may not register them', { add: refusal(7, 'Request unauthorized.') }, /unauthorized/],
    [
      'has no such call, as in Temporal Cloud',
      { add: refusal(12, 'unknown method AddSearchAttributes') },
      /unknown method/,
    ],
    [
      'finds no room for them, as on PostgreSQL',
      { add: refusal(3, 'cannot have more than 10 search attribute of type Keyword.') },
      /more than 10/,
    ],
    [
      'finds one with another type',
      { there: { Project: 1 } },
      /Project is there with another type/,
    ],
  ];
  for (const [why, temporal, reason] of refused) {
    it(`are left out where the node ${why}, and the log says so once`, async () => {
      const { attributes, said } = await register(temporal);
      assert.equal(attributes.areThere, false);
      assert.deepEqual(
        said.map(({ level, message }) => [level, message]),
        [['warn', 'builds have no search attributes: Temporal does not take them']],
      );
      const { error, names } = said[0]?.fields ?? {};
      assert.match(String(error), reason);
      assert.deepEqual(names, NAMES);
    });
  }
});
