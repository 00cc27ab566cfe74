export { feedRunners } from './feed-runners.ts';
export { serveRunner } from './serve-runner.ts';
export { runBuild } from './run-build.ts';
