import { after, before, describe, it } from 'node:test';
import { shortenDescriptors, countDescriptors } from '../support/descriptor-faults.ts';
import { MOMENTS, openFaultLab, type FaultLab } from '../support/faults.ts';

describe('file descriptors', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());
  for (const spare of [6, 12])
    for (const moment of MOMENTS) {
      it(`are short at the moment "${moment}" (${spare})`, async () => {
        console.log('#### open', countDescriptors(lab.installation));
        const from = lab.installation.runner.lines.length;
        try {
          await lab.run({ moment, fault: shortenDescriptors(spare, 8_000), goesOn: true });
        } catch (e) {
          console.log('####', spare, moment, String(e).slice(0, 1500));
          throw e;
        } finally {
          console.log(
            lab.installation.runner.lines
              .slice(from)
              .filter((l) => !/"level":"info"/.test(l))
              .map((l) => l.slice(0, 300))
              .join('\n'),
          );
          if (lab.installation.runner.hasExited) await lab.installation.start();
        }
      });
    }
});
