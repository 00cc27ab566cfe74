import { existsSync, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';

// `node --import` loads this file before the program. The file moves the program's calendar by the
// milliseconds in another file, whenever that file changes. Monotonic time (`process.hrtime`,
// `performance.now`, timers) does not change, just as when somebody sets the machine's clock.
// libfaketime is no substitute: it would have to be installed everywhere, it moves timers by
// default, and it does not affect Temporal's server, which is a static Go program.

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
