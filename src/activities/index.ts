import { createFleetActivities } from './failover/adoption.ts';
import { createOrphanedBuilds, type OrphanedBuilds } from './failover/orphaned-builds.ts';
import { beginEagerly, createBeginActivities } from './job/begin-build.ts';
import { createConfigActivities } from './job/config.ts';
import type {
  BuildActivities,
  ConfigActivities,
  FleetActivities,
  SlotActivities,
} from './contract.ts';
import { createCoordinatorActivities } from './job/coordinator.ts';
import { runLastCleanup } from './container-stage/last-cleanup.ts';
import { createEnvironmentActivities } from './environment/environment.ts';
import { createJobClockActivities } from './trace/job-clock.ts';
import { createLiveBuilds, type LiveBuilds } from './build/live-builds.ts';
import { tellWaits } from './build/tell-waits.ts';
import { maskFaults } from './build/mask-faults.ts';
import type { Ports } from '../ports/index.ts';
import { createEndedBuilds, type EndedBuilds } from './build/ended-builds.ts';
import { createReleaseActivities } from './job/release-build.ts';
import { createSlotActivities } from './job/request-job.ts';
import { createStageActivities } from './stage.ts';
import { createShellActivities } from './terminal/held-container.ts';
import { createNoticeActivities } from './trace/notice.ts';
import { createTraceActivities } from './trace/trace.ts';

export interface Activities {
  /** Activities for the slots queue. */
  readonly slots: SlotActivities & Pick<FleetActivities, 'adoptBuild'>;
  /** Activities for the queue of the workflows, which all nodes share. */
  readonly fleet: FleetActivities;
  /** Activities for the node's own queue. */
  readonly node: ConfigActivities & BuildActivities;
  /** Actions that the node itself calls. */
  readonly orphaned: OrphanedBuilds;
}

/** Creates all activities of a node from its ports. */
export function createActivities(ports: Ports): Activities {
  const live = createLiveBuilds(ports);
  const orphaned = createOrphanedBuilds(ports, live);
  const ended = createEndedBuilds();
  const fleet = createFleetActivities({ ports, live, orphaned });
  const begin = (buildId: string): void => void beginEagerly(buildId, { ports, live });
  return {
    slots: { ...createSlotActivities(ports, { ended, begin }), adoptBuild: fleet.adoptBuild },
    ...{ fleet, orphaned },
    node: tellWaits(maskFaults(nodeActivities({ ports, live, ended }), live), live),
  };
}

interface NodeParts {
  readonly ports: Ports;
  readonly live: LiveBuilds;
  readonly ended: EndedBuilds;
}

function nodeActivities({ ports, live, ended }: NodeParts): Activities['node'] {
  return {
    answerCall: () => Promise.resolve(),
    ...createConfigActivities(ports),
    ...createCoordinatorActivities(ports, live),
    ...createBeginActivities(ports, live),
    ...createEnvironmentActivities(ports, live, (build, stage) =>
      runLastCleanup(build, { stage, ports }),
    ),
    ...createReleaseActivities(ports, { live, ended }),
    ...createStageActivities(ports, live),
    ...createTraceActivities(ports, live),
    ...createNoticeActivities(ports, live),
    ...createShellActivities(ports, live),
    ...createJobClockActivities(ports, live),
    markCanceled: ({ buildId }) => ports.workflows.cancel(buildId),
  };
}
