import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { inTries } from '../../domain/tries.ts';
import { ATTRIBUTE_TYPES } from '../../domain/context/job-attributes.ts';
import type { Log } from '../../ports/index.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;
const TYPES = {
  KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
} as const;
/** A server reads the registered attributes only from time to time. */
const READY_LIMIT_MS = 60_000;
const LOOK_INTERVAL_MS = 500;
/** gRPC's code for an object that already exists. */
const ALREADY_EXISTS = 6;

/** Pauses between two tries, in milliseconds: each is twice as long as the one before it. */
interface RegistrationTiming {
  readonly firstMs: number;
  readonly maxMs: number;
}

const TIMING: RegistrationTiming = { firstMs: 1_000, maxMs: 5 * 60_000 };

interface RegistrationOptions {
  /** Aborts when the node ends. */
  readonly signal: AbortSignal;
  /** Pauses between tries. Tests use shorter ones. */
  readonly timing?: RegistrationTiming;
}

/** Whether Temporal knows the search attributes of builds. */
export interface SearchAttributes {
  /** Whether builds may be started with them. */
  readonly areThere: boolean;
  /** Asks Temporal again, because its database may be a new one. */
  renew(): void;
}

/**
 * Registers the search attributes of builds that Temporal does not know. Where that is not
 * possible, builds start without them, and the log says why. The registration is tried again until
 * the node ends, because any reason may pass: Temporal is reached again, the node gets the
 * permission, or somebody registers them by hand, as in Temporal Cloud.
 */
export function registerSearchAttributes(
  client: Client,
  log: Log,
  { signal, timing = TIMING }: RegistrationOptions,
): SearchAttributes {
  let areThere = false;
  let registration = new AbortController();
  const tell = warnOfEachFault(log);
  const register = async (over: AbortSignal): Promise<void> => {
    const added = await inTries(
      async () => {
        const missing = await findMissing(client);
        over.throwIfAborted();
        const names = Object.keys(missing);
        if (names.length === 0) return names;
        areThere = false;
        await add(client, missing, over);
        return names;
      },
      {
        nextMs: ({ kind }, { made }) =>
          kind === 'answered'
            ? undefined
            : Math.min(timing.firstMs * 2 ** (made - 1), timing.maxMs),
        onRetry: (end) => {
          if (end.kind !== 'failed' || over.aborted) return;
          areThere = false;
          tell.fault(end.error);
        },
        // The pause alone must not keep the process alive.
        pause: (ms) => delay(ms, true, { signal: over, ref: false }),
      },
    );
    if (over.aborted) return;
    areThere = true;
    tell.there(added);
  };
  const renew = (): void => {
    registration.abort();
    registration = new AbortController();
    // It only fails when the node ends, or when another one has begun.
    void register(AbortSignal.any([signal, registration.signal])).catch(() => undefined);
  };
  renew();
  return {
    get areThere() {
      return areThere;
    },
    renew,
  };
}

/**
 * Warns once about each fault, because the same fault may come at each try for as long as the node
 * runs.
 */
function warnOfEachFault(log: Log) {
  let last: string | undefined;
  return {
    fault: (error: unknown): void => {
      if (String(error) === last) return;
      last = String(error);
      log.warn('builds have no search attributes: Temporal refuses them, trying again', {
        error,
        names: Object.keys(ATTRIBUTE_TYPES),
      });
    },
    there: (added: readonly string[]): void => {
      if (added.length > 0) log.info('search attributes registered in Temporal', { added });
      else if (last !== undefined) log.info('builds have search attributes');
      last = undefined;
    },
  };
}

/** The types of attributes by their names. */
type Attributes = Readonly<Record<string, number>>;

/** Lists the attributes that Temporal does not know. Throws when one has another type there. */
async function findMissing({ connection, options }: Client): Promise<Attributes> {
  const { namespace } = options;
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing: Record<string, number> = {};
  for (const [name, type] of Object.entries(ATTRIBUTE_TYPES)) {
    const found = customAttributes[name];
    if (found === undefined) missing[name] = TYPES[type];
    else if (found !== TYPES[type]) {
      throw new Error(`search attribute ${name} exists with another type than ${type}`);
    }
  }
  return missing;
}

async function add(client: Client, missing: Attributes, signal: AbortSignal): Promise<void> {
  const { namespace } = client.options;
  await client.connection.operatorService
    .addSearchAttributes({ namespace, searchAttributes: missing })
    .catch(passIfThere);
  await untilKnown(client, signal);
}

/** Ignores the error when another node has registered them since they were listed. */
function passIfThere(error: unknown): void {
  if ((error as { readonly code?: unknown }).code !== ALREADY_EXISTS) throw error;
}

/**
 * Waits until the server knows the attributes. It refuses a workflow that is started with an
 * attribute that it has not read yet.
 */
async function untilKnown(
  { options, workflowService }: Client,
  signal: AbortSignal,
): Promise<void> {
  const query = Object.entries(ATTRIBUTE_TYPES)
    .map(([name, type]) => `${name} = ${type === 'INT' ? '0' : "'-'"}`)
    .join(' AND ');
  const endMs = performance.now() + READY_LIMIT_MS;
  for (;;) {
    try {
      await workflowService.countWorkflowExecutions({ namespace: options.namespace, query });
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await delay(LOOK_INTERVAL_MS, undefined, { signal });
    }
  }
}
