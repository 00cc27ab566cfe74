import assert from 'node:assert/strict';
import type { Fault } from './faults.ts';
import type { LayerFate, RegistryDoor, RegistryRefusal } from '../docker/registry-door.ts';

// Faults of a pull, made by the proxy before the registry.

/** Calls a function when half of a layer has arrived. */
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
  /** The number of refused requests. Default: all. */
  readonly times?: number;
}

/** The registry refuses requests. */
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
