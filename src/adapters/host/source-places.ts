import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { pathToFileURL } from 'node:url';
import { programFile } from './program-files.ts';

/** A place stands behind a blank or a bracket, so each word of a long message is read only once. */
const PLACE = /(?<![^\s(])(?:file:\/\/)?(\/[^\s()]+\.c?js):(\d+):(\d+)/g;

type NameSources = (error: Error) => string;

/**
 * Creates a function that returns the stack of an error with the places in the sources instead of
 * those in bundled files of this directory. A place without a map stays unchanged. The map of a
 * file is read only when a stack contains the file. Node's own `--enable-source-maps` is slower: at
 * each start it reads the maps of all files and packages, also for errors that nobody sees.
 */
export function createSourceNamer(directory: string): NameSources {
  // A decoded map takes 9 MB. The weak references let Node free them when it needs memory.
  const maps = new Map<string, WeakRef<SourceMap>>();
  const mapOf = (path: string): SourceMap => {
    const known = maps.get(path)?.deref();
    if (known !== undefined) return known;
    const payload = JSON.parse(readFileSync(`${path}.map`, 'utf8')) as SourceMapPayload;
    const map = new SourceMap(payload);
    maps.set(path, new WeakRef(map));
    return map;
  };
  const namePlace = (place: string, ...[path = '', line, column]: string[]): string => {
    if (!path.startsWith(directory)) return place;
    try {
      // Maps count from zero, stacks from one.
      const found = mapOf(path).findEntry(Number(line) - 1, Number(column) - 1);
      if (!('originalSource' in found)) return place;
      const { href } = new URL(found.originalSource, pathToFileURL(path));
      return `${href}:${found.originalLine + 1}:${found.originalColumn + 1}`;
    } catch {
      return place; // There is no map, or none that can be read.
    }
  };
  return ({ stack = '' }) => stack.replace(PLACE, namePlace);
}

/** Returns the stack of an error with the places in this program's sources. */
export const nameSources: NameSources = createSourceNamer(programFile(''));

/** Makes a crash of the process show the places in the sources. */
export function nameSourcesOfCrash(): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    error.stack = nameSources(error);
  });
}
