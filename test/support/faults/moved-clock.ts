import { existsSync, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';

// Loaded into the program by `node --import`, before anything else: moves what its calendar says by as
// many milliseconds as a file holds, whenever the file changes. As when somebody sets the machine's
// clock, what only grows (`process.hrtime`, `performance.now`, timers) is left alone. libfaketime was
// not taken: it would have to be installed everywhere, moves timers with the clock unless told not to,
// and does not reach Temporal's server either, a static Go program.

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
