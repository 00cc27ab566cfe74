import { existsSync, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';

// `node --import` loads this file before the program. It moves the program's calendar by the
// milliseconds in a file, whenever that file changes. As when somebody sets the machine's clock,
// monotonic time (`process.hrtime`, `performance.now`, timers) stays the same. libfaketime would
// have to be installed everywhere, moves timers by default, and does not reach Temporal's server,
// which is a static Go program.

const file = process.env['TGR_TEST_CLOCK_FILE'];
if (file !== undefined) {
  let movedMs = 0;
  const read = (): void => {
    if (existsSync(file)) movedMs = Number(readFileSync(file, 'utf8')) || 0;
  };
  read();
  watch(dirname(file), read).unref();
  const RealDate = Date;
  class MovedDate extends RealDate {
    constructor(...given: readonly unknown[]) {
      if (given.length === 0) super(MovedDate.now());
      else super(...(given as [number]));
    }
    static override now(): number {
      return RealDate.now() + movedMs;
    }
  }
  globalThis.Date = new Proxy(MovedDate as unknown as DateConstructor, {
    apply: () => new MovedDate().toString(),
  });
}
