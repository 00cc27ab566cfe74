import assert from 'node:assert/strict';
import type { Fault } from './faults.ts';
import type { LayerFate, RegistryDoor, RegistryRefusal } from '../docker/registry-door.ts';

// In these faults the proxy before the registry disturbs a pull.

/** Returns a fault that calls a function when half of a layer has arrived. */
export function inMidPull(
  door: () => RegistryDoor,
  name: string,
  act: () => Promise<LayerFate>,
): Fault {
  let reached: Promise<(fate: LayerFate) => void> | undefined;
  return {
    name: `${name} in mid-pull`,
    strike: () => {
      reached = door().holdLayer();
    },
    mend: async () => {
      const decide = await reached;
      assert.ok(decide !== undefined);
      decide(await act());
    },
  };
}

export interface Refusing {
  readonly path: RegExp;
  readonly refusal: RegistryRefusal;
  /** The number of refused requests. The default is all requests. */
  readonly times?: number;
}

export function registryRefuses(
  door: () => RegistryDoor,
  name: string,
  { path, refusal, times = Infinity }: Refusing,
): Fault {
  let refused = 0;
  return {
    name: `registry answers ${name}`,
    strike: () =>
      door().refuse((asked) => {
        if (refused >= times || !path.test(asked)) return undefined;
        refused += 1;
        return refusal;
      }),
    confirm: () => {
      door().refuse(() => undefined);
      assert.notEqual(refused, 0, 'the registry was never asked');
    },
  };
}
