import { splitReference, type ImageReference } from './image-reference.ts';

/** The parts of a service's image name. */
export interface ServiceName {
  /** Registry without its port, and path: `registry.example.com/group/db`. */
  readonly path: string;
  /** A tag, or a digest with its `@`. */
  readonly version: string;
  /** The image to pull, with `:latest` when the text has no tag or digest. */
  readonly image: string;
  /** The name in the trace: `postgres:15`. */
  readonly title: string;
  /**
   * Host names that follow from the image's path: with `__`, and with `-` for programs that allow
   * no underscores.
   */
  readonly aliases: readonly string[];
}

/** No registry accepts a longer name. */
const MAX_LENGTH = 1_000;
const PATH_PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const REGISTRY = /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*|\[[a-fA-F0-9:]+\])(?::\d+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,}$/;

/**
 * Reads the image of a service; undefined when it is not the name of an image. Source:
 * gitlab-runner `helpers/container/services/services.go` (SplitNameAndVersion).
 */
export function parseServiceName(text: string): ServiceName | undefined {
  const reference = splitReference(text);
  if (text.length > MAX_LENGTH || !isReference(reference)) return undefined;
  const { name, tag, digest } = reference;

  const path = name.replace(/^([^/]*?):\d+(?=\/)/, '$1');
  const version = tag ?? (digest === undefined ? 'latest' : `@${digest}`);
  return {
    path,
    version,
    image: tag === undefined && digest === undefined ? `${name}:latest` : text,
    title: version.startsWith('@') ? `${path}${version}` : `${path}:${version}`,
    aliases: [...new Set([path.replaceAll('/', '__'), path.replaceAll('/', '-')])],
  };
}

function isReference({ name, tag, digest }: ImageReference): boolean {
  const isTag = tag === undefined || TAG.test(tag);
  const isDigest = digest === undefined || DIGEST.test(digest);
  return isRepository(name) && isTag && isDigest;
}

function isRepository(name: string): boolean {
  const [first = '', ...rest] = name.split('/');
  const isFirstValid = PATH_PART.test(first) || (rest.length > 0 && REGISTRY.test(first));
  return isFirstValid && rest.every((part) => PATH_PART.test(part));
}
