import { chmodSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build, stop } from 'esbuild';

const COMMON = {
  bundle: true,
  // Each package stays a package of node_modules, with its own version and licence.
  packages: 'external',
  platform: 'node',
  target: 'node20.18',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
};

/**
 * Bundles the compiled sources in `dist/src` into few files in `dist/program`, because Node resolves,
 * reads and links each file by itself, which was a quarter of the CPU time to load a node. What the
 * sources load lazily is in files of its own, and is still loaded lazily. The maps
 * beside the files are for stacks (`src/adapters/host/source-places.ts`).
 */
export async function bundleProgram(dist, lastBuildMs = Infinity) {
  const program = join(dist, 'program');
  const source = (name) => join(dist, 'src', `${name}.js`);
  const startedMs = Date.now();
  await Promise.all([
    build({
      ...COMMON,
      format: 'esm',
      splitting: true,
      entryPoints: [source('cli')],
      outdir: program,
    }),
    // Temporal's SDK loads these by `require`, which takes no ES module on Node before 20.19.
    build({
      ...COMMON,
      format: 'cjs',
      entryPoints: ['failure-converter', 'payload-converter'].map((name) =>
        source(`adapters/temporal/${name}`),
      ),
      outdir: program,
      outExtension: { '.js': '.cjs' },
    }),
  ]);
  await stop(); // Its process would stay as long as this one, which may go on as the node.
  chmodSync(join(program, 'cli.js'), 0o755); // It is a program, named in `bin` of package.json.
  removeOlder(program, Math.min(lastBuildMs, startedMs));
}

/**
 * Removes the files of earlier builds, but not those of the last one: a node of that build may still
 * run, and loads some parts only when it needs them.
 */
function removeOlder(directory, timeMs) {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).mtimeMs < timeMs) rmSync(path);
  }
}
