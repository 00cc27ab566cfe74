import { createFleetActivities } from './adoption.ts';
import { createAbandonedBuilds, type AbandonedBuilds } from './abandoned.ts';
import { createConfigActivities } from './config.ts';
import type {
  BuildActivities,
  ConfigActivities,
  FleetActivities,
  SlotActivities,
} from './contract.ts';
import { createCoordinatorActivities } from './coordinator.ts';
import { createEnvironmentActivities } from './environment.ts';
import { createJobClockActivities } from './job-clock.ts';
import { createLiveBuilds } from './live-builds.ts';
import type { Ports } from './ports.ts';
import { createSlotActivities } from './request-job.ts';
import { createStageActivities } from './stage.ts';
import { createTraceActivities } from './trace.ts';

export interface Activities {
  /** For the slots queue. */
  readonly slots: SlotActivities & Pick<FleetActivities, 'adoptBuild'>;
  /** For the queue of the workflows, that all nodes share. */
  readonly fleet: FleetActivities;
  /** For the node's own queue. */
  readonly node: ConfigActivities & BuildActivities;
  /** For the node itself. */
  readonly abandoned: AbandonedBuilds;
}

/** All activities of a node, made of what the world gives them. */
export function createActivities(ports: Ports): Activities {
  const live = createLiveBuilds(ports);
  const abandoned = createAbandonedBuilds(ports, live);
  const fleet = createFleetActivities({ ports, live, abandoned });
  return {
    slots: { ...createSlotActivities(ports), adoptBuild: fleet.adoptBuild },
    ...{ fleet, abandoned },
    node: {
      answerCall: () => Promise.resolve(),
      ...createConfigActivities(ports),
      ...createCoordinatorActivities(ports, live),
      ...createEnvironmentActivities(ports, live),
      ...createStageActivities(ports, live),
      ...createTraceActivities(ports, live),
      ...createJobClockActivities(ports, live),
    },
  };
}
