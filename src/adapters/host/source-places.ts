import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { pathToFileURL } from 'node:url';
import { programFile } from './program-files.ts';

const PLACE = /(?:file:\/\/)?(\/[^\s()]+\.c?js):(\d+):(\d+)/g;

type NameSources = (error: Error) => string;

/**
 * Creates a function that returns the stack of an error with the places in the sources instead of
 * those in bundled files of this directory. It leaves places that it finds no map for. The map of a
 * file is read for the first stack through it. Node's own `--enable-source-maps` reads the maps of
 * all files and packages at each start, and those of a start's own failures, which nobody sees.
 */
export function createSourceNamer(directory: string): NameSources {
  // The map of a node takes 9 MB when it is decoded, which are free again when memory is needed.
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

/** Lets a crash of the process show the places in the sources. */
export function nameSourcesOfCrash(): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    error.stack = nameSources(error);
  });
}
