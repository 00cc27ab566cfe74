import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Fault, type FaultLab, type Moment } from '../support/faults/faults.ts';
import { bridgeGateway } from '../support/installation.ts';
import {
  openNetworkNamespace,
  type NetworkNamespace,
} from '../support/docker/network-namespace.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { assertNextTaken, startOuterTemporal } from '../support/faults/temporal-faults.ts';

interface Place {
  readonly lab: FaultLab;
  readonly namespace: NetworkNamespace;
  readonly temporalAddress: string;
  readonly gitlabAddress: string;
}

const MOMENTS: readonly Moment[] = ['prepare', 'script', 'final update'];
/** The outage is longer than a heartbeat time-out. */
const LONG_MS = 60_000;
const SHORT_MS = 30_000;
/**
 * TCP retransmits after pauses that double, up to about the length of the outage, so a request to
 * GitLab that was lost is repeated late. To Temporal the node opens new connections.
 */
const NEXT_WITHIN_MS = { Temporal: 5_000, GitLab: SHORT_MS + 5_000 };

/** Packets between the node and another host are lost, and neither side is notified. */
function dropPackets(place: () => Place, peer: 'Temporal' | 'GitLab', durationMs: number): Fault {
  let dropped = Promise.resolve();
  return {
    name: `packets to and from ${peer} vanish for ${durationMs / 1000} s`,
    strike: () => {
      const { namespace, temporalAddress, gitlabAddress } = place();
      dropped = namespace.drop(peer === 'Temporal' ? temporalAddress : gitlabAddress);
    },
    mend: async () => {
      try {
        await dropped;
        await delay(durationMs); // The outage lasts this long.
      } finally {
        await place().namespace.heal();
      }
    },
    afterwards: ({ installation }) =>
      assertNextTaken(installation, { limitMs: NEXT_WITHIN_MS[peer] }),
  };
}

const namespace = await openNetworkNamespace();
const skip = typeof namespace === 'string' ? namespace : false;

describe('a node in a network of its own', { skip }, () => {
  let place: Place;
  const closers: (() => Promise<void>)[] = [];
  before(async () => {
    if (typeof namespace === 'string') return;
    closers.push(() => namespace.close());
    const { hostAddress, launcher } = namespace;
    const temporal = await startOuterTemporal();
    closers.push(() => temporal.close());
    const proxy = await startTcpProxy({
      targetPort: Number(new URL(`http://${temporal.address}`).port),
      host: hostAddress,
    });
    closers.push(() => proxy.close());
    const lab = await openFaultLab({
      // There is a slot for a second job, which must be taken as soon as the network works again.
      ...{ launcher, concurrent: 2, runnerToml: '  limit = 2' },
      env: { TEMPORAL_ADDRESS: `${hostAddress}:${proxy.port}` },
    });
    closers.push(() => lab.close());
    const gitlabAddress = await bridgeGateway();
    place = { lab, namespace, temporalAddress: hostAddress, gitlabAddress };
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  for (const moment of MOMENTS) {
    it(`is cut off from Temporal for a minute from the moment "${moment}" on`, () =>
      place.lab.run({
        ...{ moment, goesOn: true, resends: 3, limitMs: 180_000 },
        fault: dropPackets(() => place, 'Temporal', LONG_MS),
      }));
  }
  for (const moment of MOMENTS) {
    it(`is cut off from GitLab for half a minute from the moment "${moment}" on`, () =>
      place.lab.run({
        ...{ moment, goesOn: true, resends: 3, limitMs: 180_000 },
        fault: dropPackets(() => place, 'GitLab', SHORT_MS),
      }));
  }
});
