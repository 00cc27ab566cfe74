import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { registerSearchAttributes } from '../../../src/adapters/temporal/search-attributes.ts';
import { ATTRIBUTE_TYPES } from '../../../src/domain/context/job-attributes.ts';
import { recordingLog } from '../../support/recording-log.ts';

const NAMES = Object.keys(ATTRIBUTE_TYPES);

const UNTAKEN = 'builds have no search attributes: Temporal refuses them, trying again';

/** Creates an error as Temporal's client reports a refusal of its server. */
function refusal(code: number, details: string): Error {
  return Object.assign(new Error(`${code}: ${details}`), { code, details });
}

interface FakeTemporal {
  /** The attributes that are already registered, by the number of their type. */
  readonly there?: Readonly<Record<string, number>>;
  readonly list?: Error;
  readonly add?: Error;
}

/** With these pauses no other try follows within a test. */
const NEVER_AGAIN = { firstMs: 3_600_000, maxMs: 3_600_000 };

/**
 * Creates a Temporal that lists search attributes with this function, and registers all that are
 * requested.
 */
function answering(listSearchAttributes: () => Promise<unknown>): Client {
  const addSearchAttributes = () => Promise.resolve({});
  return {
    options: { namespace: 'builds' },
    connection: { operatorService: { listSearchAttributes, addSearchAttributes } },
    workflowService: { countWorkflowExecutions: () => Promise.resolve({}) },
  } as unknown as Client;
}

/** Registers the attributes with a fake Temporal, and returns the log. */
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
  const { signal } = new AbortController();
  const attributes = registerSearchAttributes(client, log, { signal, timing: NEVER_AGAIN });
  assert.equal(attributes.areThere, false, 'not before Temporal has answered');
  while (said.length === 0 && !attributes.areThere) await new Promise(setImmediate);
  await new Promise(setImmediate);
  return { attributes, said, added };
}

describe('the search attributes of builds', () => {
  it('are registered when they are missing, and the log names them', async () => {
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

  it('are available although another node was faster to register them', async () => {
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
    ['finds one with another type', { there: { Project: 1 } }, /Project exists with another type/],
  ];
  for (const [why, temporal, reason] of refused) {
    it(`are left out when the node ${why}, and the log tells that`, async () => {
      const { attributes, said } = await register(temporal);
      assert.equal(attributes.areThere, false);
      assert.deepEqual(
        said.map(({ level, message }) => [level, message]),
        [['warn', UNTAKEN]],
      );
      const { error, names } = said[0]?.fields ?? {};
      assert.match(String(error), reason);
      assert.deepEqual(names, NAMES);
    });
  }

  const passing: [what: string, faults: readonly Error[], warnings: number][] = [
    ['Temporal was away for a while', [refusal(14, 'connection refused')], 1],
    ['Temporal was away for longer', Array(3).fill(refusal(14, 'connection refused')), 1],
    ['the node was given the permission', [refusal(7, 'Request unauthorized.')], 1],
    ['another fault came between', [refusal(14, 'no answer'), refusal(7, 'unauthorized')], 2],
  ];
  for (const [what, faults, warnings] of passing) {
    it(`are available after ${what}, without a restart; the log tells each fault once`, async () => {
      const left = [...faults];
      const { log, said } = recordingLog();
      const client = answering(() => {
        const fault = left.shift();
        return fault ? Promise.reject(fault) : Promise.resolve({ customAttributes: {} });
      });
      const { signal } = new AbortController();
      const timing = { firstMs: 1, maxMs: 2 };
      const attributes = registerSearchAttributes(client, log, { signal, timing });
      while (!attributes.areThere) await delay(1);
      assert.deepEqual(
        said.map(({ level }) => level),
        [...Array<string>(warnings).fill('warn'), 'info'],
      );
      assert.match(said.at(-1)?.message ?? '', /registered in Temporal/);
    });
  }

  it('are available when somebody has created them by hand meanwhile, and the log tells that', async () => {
    let asked = 0;
    const customAttributes = Object.fromEntries(
      Object.entries(ATTRIBUTE_TYPES).map(([name, type]) => [name, type === 'INT' ? 3 : 2]),
    );
    const client = answering(() => {
      asked += 1;
      const fault = refusal(12, 'unknown method');
      return asked === 1 ? Promise.reject(fault) : Promise.resolve({ customAttributes });
    });
    const { log, said } = recordingLog();
    const { signal } = new AbortController();
    const timing = { firstMs: 1, maxMs: 2 };
    const attributes = registerSearchAttributes(client, log, { signal, timing });
    while (!attributes.areThere) await delay(1);
    assert.deepEqual(
      said.map(({ message }) => message),
      [UNTAKEN, 'builds have search attributes'],
    );
  });

  describe('when Temporal may have lost them', () => {
    const ALL = Object.fromEntries(
      Object.entries(ATTRIBUTE_TYPES).map(([name, type]) => [name, type === 'INT' ? 3 : 2]),
    );

    /** Registers them, and then asks again. Each listing waits until the test answers it. */
    async function renewed() {
      const answers: ((answer: Promise<unknown>) => void)[] = [];
      const client = answering(() => new Promise((resolve) => answers.push(resolve)));
      const { log, said } = recordingLog();
      const { signal } = new AbortController();
      const attributes = registerSearchAttributes(client, log, { signal, timing: NEVER_AGAIN });
      const answer = async (index: number, customAttributes: object | Error): Promise<void> => {
        const isFault = customAttributes instanceof Error;
        answers[index]?.(
          isFault ? Promise.reject(customAttributes) : Promise.resolve({ customAttributes }),
        );
        await new Promise(setImmediate);
      };
      await answer(0, {});
      attributes.renew();
      return { attributes, said, answer };
    }

    it('are registered again in an empty database', async () => {
      const { attributes, said, answer } = await renewed();
      await answer(1, {});
      assert.equal(attributes.areThere, true);
      assert.deepEqual(
        said.map(({ message }) => message),
        Array(2).fill('search attributes registered in Temporal'),
      );
    });

    it('stay as they are while they are there, and the log says nothing', async () => {
      const { attributes, said, answer } = await renewed();
      assert.equal(attributes.areThere, true);
      await answer(1, ALL);
      assert.equal(attributes.areThere, true);
      assert.equal(said.length, 1);
    });

    it('are left out when Temporal refuses them now, until it is asked once more', async () => {
      const { attributes, said, answer } = await renewed();
      await answer(1, refusal(7, 'Request unauthorized.'));
      assert.equal(attributes.areThere, false);
      assert.equal(said.at(-1)?.message, UNTAKEN);
      attributes.renew();
      await answer(2, ALL);
      assert.equal(attributes.areThere, true);
      assert.equal(said.at(-1)?.message, 'builds have search attributes');
    });

    it('count as the newest answer says, even when an older one arrives later', async () => {
      const { attributes, answer } = await renewed();
      attributes.renew();
      await answer(2, ALL);
      await answer(1, {});
      assert.equal(attributes.areThere, true);
    });
  });

  it('are not requested any more when the node ends', async () => {
    let asked = 0;
    const client = answering(() => {
      asked += 1;
      return Promise.reject(refusal(14, 'connection refused'));
    });
    const { log, said } = recordingLog();
    const ending = new AbortController();
    const timing = { firstMs: 20, maxMs: 20 };
    registerSearchAttributes(client, log, { signal: ending.signal, timing });
    while (said.length === 0) await delay(1);
    ending.abort();
    const before = asked;
    await delay(60);
    assert.equal(asked, before);
    assert.equal(said.length, 1);
  });
});
