import {
  chmodSync,
  existsSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
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
  // Not only when sources have changed: a commit changes none.
  await writeRevision();
  if (isUpToDate()) return;
  await step(
    'compile',
    async () => {
      removeStale();
      try {
        await run(process.execPath, [bin('typescript-native', 'tsc'), '-p', ROOT], { cwd: ROOT });
      } catch (error) {
        throw new SetUpError(`the sources do not compile:\n${error.message}`);
      }
      await bundleWorkflows();
      chmodSync(join(DIST, 'src/cli.js'), 0o755); // it is a program: `bin` of package.json
    },
    'the TypeScript compiler',
  );
  writeFileSync(STAMP, '');
  // What is changed while it is compiled is newer than what was compiled.
  utimesSync(STAMP, startedAt, startedAt);
}

/** The workflows as one file that a worker loads; refuses modules that are not deterministic. */
async function bundleWorkflows() {
  const require = createRequire(join(ROOT, 'package.json'));
  const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(DIST, 'src/workflows/index.js'),
    failureConverterPath: join(DIST, 'src/adapters/temporal/failure-converter.js'),
    payloadConverterPath: join(DIST, 'src/adapters/temporal/payload-converter.js'),
    workflowInterceptorModules: [join(DIST, 'src/workflows/summaries.js')],
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(join(DIST, 'workflow-bundle.js'), withoutSources(code));
}

/**
 * The map back to files and lines stays, for stacks that can be read. The sources themselves, which it
 * holds too, would lie in the memory of each worker several times.
 */
function withoutSources(code) {
  const [start, map] = code.split(/(?<=\/\/# sourceMappingURL=data:[^,]*,)(?=[\w+/=]+\s*$)/);
  if (map === undefined) throw new Error('the workflow bundle has no source map where it was due');
  const { sourcesContent: _, ...rest } = JSON.parse(Buffer.from(map, 'base64').toString());
  return `${start}${Buffer.from(JSON.stringify(rest)).toString('base64')}\n`;
}

/** Path of a package's program, to be run by this very Node. */
export function bin(packageName, program = packageName) {
  const packageJson = join(ROOT, 'node_modules', packageName, 'package.json');
  const { bin: bins } = createRequire(pathToFileURL(packageJson))(packageJson);
  return join(packageJson, '..', typeof bins === 'string' ? bins : bins[program]);
}

function isUpToDate() {
  if (!existsSync(STAMP)) return false;
  const builtMs = statSync(STAMP).mtimeMs;
  const files = [...SOURCES.flatMap((name) => filesBelow(join(ROOT, name))), ...SETTINGS];
  return files.every((file) => statSync(join(ROOT, file)).mtimeMs < builtMs);
}

function filesBelow(directory) {
  if (!existsSync(directory)) return [];
  // Directories too: a file that was removed changes the time of its directory.
  const entries = readdirSync(directory, { recursive: true });
  return ['', ...entries].map((entry) => relative(ROOT, join(directory, entry)));
}

/** What was compiled from a file that is no more must not be run as a test. */
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
