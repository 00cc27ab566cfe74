import { readFields, readInteger, readList, readText, type Fields } from './json-reader.ts';
import { readVariables } from './parse-variables.ts';
import type { JobImage, JobService } from './payload.ts';

const MAX_WORDS = 10_000;
const MAX_UNSUPPORTED = 100;

const readTexts = readList(readText, MAX_WORDS);

/**
 * The supported keys of `executor_opts`, by executor. Source: gitlab-runner `common/spec/spec.go`.
 */
const SUPPORTED: Readonly<Record<string, readonly string[]>> = {
  docker: ['platform', 'user'],
  kubernetes: ['user'],
};

/** The same options as dotted paths, for messages. */
export const SUPPORTED_EXECUTOR_OPTIONS: readonly string[] = Object.entries(SUPPORTED).flatMap(
  ([executor, options]) => options.map((option) => `${executor}.${option}`),
);

/** Reads the image of a job. */
export function readImage(value: unknown, path: string): JobImage {
  return imageOf(readFields(value, path));
}

/** Reads the image of a service, with its own variables. */
export function readService(value: unknown, path: string): JobService {
  const service = readFields(value, path);
  return { ...imageOf(service), variables: service.read('variables', readVariables) };
}

function imageOf(image: Fields): JobImage {
  return {
    name: image.read('name', readText),
    alias: image.read('alias', readText),
    entrypoint: image.read('entrypoint', readTexts),
    command: image.read('command', readTexts),
    pull_policy: image.read('pull_policy', readTexts),
    executor_opts: image.read('executor_opts', readExecutorOptions),
  };
}

/**
 * Reads `executor_opts`. Options for other executors are ignored. Unknown options are kept by name,
 * so that the job is refused later.
 */
function readExecutorOptions(value: unknown, path: string): JobImage['executor_opts'] {
  const options = readFields(value, path);
  const docker = options.read('docker', readFields);
  const unsupported = options.keys().flatMap((executor) => {
    const supported = Object.hasOwn(SUPPORTED, executor) ? SUPPORTED[executor] : undefined;
    if (supported === undefined) return [executor];
    return options
      .read(executor, readFields)
      .keys()
      .filter((option) => !supported.includes(option))
      .map((option) => `${executor}.${option}`);
  });
  return {
    docker: { platform: docker.read('platform', readText), user: docker.read('user', readUser) },
    unsupported: unsupported.slice(0, MAX_UNSUPPORTED),
  };
}

/** Reads a user: a name, or a numeric id that the payload has as a number. */
function readUser(value: unknown, path: string): string {
  return typeof value === 'number' ? `${readInteger(value, path)}` : readText(value, path);
}
