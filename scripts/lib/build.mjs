import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureDependencies } from './dependencies.mjs';
import { ROOT } from './paths.mjs';
import { writeRevision } from './revision.mjs';
import { run } from './run.mjs';
import { SetUpError, step } from './say.mjs';

const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.built');
const SOURCES = ['src', 'test', 'tools'];
const SETTINGS = ['package.json', 'package-lock.json', 'tsconfig.json'];

/** Compiles and bundles when something has changed since the last time. */
export async function ensureBuilt() {
  await ensureDependencies();
  const startedAt = new Date();
  // The revision is written every time, because a commit changes no source. Git is asked while the
  // files are looked at.
  const [, isDone] = await Promise.all([writeRevision(), isUpToDate()]);
  if (isDone) return;
  await step(
    'compile',
    async () => {
      removeStale();
      try {
        await run(process.execPath, [bin('typescript-native', 'tsc'), '-p', ROOT], { cwd: ROOT });
      } catch (error) {
        throw new SetUpError(`the sources do not compile:\n${error.message}`);
      }
      // Its packages may have been installed just now.
      const { bundleProgram } = await import('./bundle-program.mjs');
      await Promise.all([bundleWorkflows(), bundleProgram(DIST, lastBuildMs())]);
    },
    'the TypeScript compiler',
  );
  writeFileSync(STAMP, '');
  // A file that is changed during the compilation is newer than the compiled one.
  utimesSync(STAMP, startedAt, startedAt);
}

/**
 * Bundles the workflows into one file that a worker loads. Refuses modules that are not
 * deterministic.
 */
async function bundleWorkflows() {
  const require = createRequire(join(ROOT, 'package.json'));
  const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(DIST, 'src/workflows/index.js'),
    failureConverterPath: join(DIST, 'src/adapters/temporal/failure-converter.js'),
    payloadConverterPath: join(DIST, 'src/adapters/temporal/payload-converter.js'),
    workflowInterceptorModules: [join(DIST, 'src/workflows/summaries.js')],
    // A map to lines is a fifth of one to columns. The thread of the workflows parses it at each
    // start.
    webpackConfigHook: (config) => ({ ...config, devtool: 'inline-cheap-module-source-map' }),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(join(DIST, 'workflow-bundle.js'), withoutSources(code));
}

/**
 * Removes the sources from the source map, because each worker would keep them in memory several
 * times. The map to files and lines stays, so that people can read stacks.
 */
function withoutSources(code) {
  const [start, map] = code.split(/(?<=\/\/# sourceMappingURL=data:[^,]*,)(?=[\w+/=]+\s*$)/);
  if (map === undefined) throw new Error('the workflow bundle has no source map where it was due');
  const { sourcesContent: _, ...rest } = JSON.parse(Buffer.from(map, 'base64').toString());
  return `${start}${Buffer.from(JSON.stringify(rest)).toString('base64')}\n`;
}

/** Returns the path of a package's program, to run it with this Node. */
export function bin(packageName, program = packageName) {
  const packageJson = join(ROOT, 'node_modules', packageName, 'package.json');
  const { bin: bins } = createRequire(pathToFileURL(packageJson))(packageJson);
  return join(packageJson, '..', typeof bins === 'string' ? bins : bins[program]);
}

/** Returns when the last build began; undefined when there is none. */
function lastBuildMs() {
  return existsSync(STAMP) ? statSync(STAMP).mtimeMs : undefined;
}

function isUpToDate() {
  const builtMs = lastBuildMs();
  if (builtMs === undefined) return false;
  const sources = SOURCES.map((name) => join(ROOT, name)).filter((directory) =>
    existsSync(directory),
  );
  const paths = [
    ...sources.flatMap((directory) => pathsBelow(directory)),
    ...SETTINGS.map((name) => join(ROOT, name)),
  ];
  return paths.every((path) => statSync(path).mtimeMs < builtMs);
}

/**
 * Returns the paths of a directory and of all in it. Directories count too, because removing a file
 * changes the time of its directory. Node's own recursive reading takes five times as long, and this
 * is done at each start of the worker.
 */
function pathsBelow(directory) {
  const entries = readdirSync(directory, { withFileTypes: true });
  const below = entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? pathsBelow(path) : [path];
  });
  return [directory, ...below];
}

/** Removes compiled files whose source was removed, so that they do not run as tests. */
function removeStale() {
  for (const name of SOURCES) {
    const directory = join(DIST, name);
    for (const file of existsSync(directory) ? readdirSync(directory, { recursive: true }) : []) {
      if (!file.endsWith('.js')) continue;
      if (existsSync(join(ROOT, name, file.replace(/\.js$/, '.ts')))) continue;
      rmSync(join(directory, file));
      rmSync(join(directory, `${file}.map`), { force: true });
    }
  }
}
