import { ensureBuilt } from './lib/build.mjs';
import { main } from './lib/say.mjs';

await main(ensureBuilt);
