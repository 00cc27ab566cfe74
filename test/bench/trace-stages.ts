import { NATIVE_BYTE_TOOLS } from '../../src/adapters/trace-spool/native-bytes.ts';
import { createLineStamps } from '../../src/domain/trace/line-stamps.ts';
import { createPhraseAutomaton } from '../../src/domain/trace/phrase-automaton.ts';
import { createPhraseMask } from '../../src/domain/trace/phrase-mask.ts';
import { createTracePipeline } from '../../src/domain/trace/pipeline.ts';
import { defaultTokenPrefixes, createTokenMask } from '../../src/domain/trace/token-mask.ts';
import { createTraceMeter } from '../../src/domain/trace/trace-meter.ts';
import { createUrlMask } from '../../src/domain/trace/url-mask.ts';
import { createUtf8Repair } from '../../src/domain/trace/utf8-repair.ts';
import { median } from './statistics.ts';

// This module measures the CPU time of masking and stamping a job's log, stage by stage and in
// total, without disk and network.

const CHUNK_BYTES = 256 * 1024;
const CHUNKS = 400;
const RUNS = 5;
const LINE_BYTES = 97;
const NOW_MS = Date.UTC(2026, 0, 1);
const MEBIBYTE = 1024 * 1024;

/**
 * Returns text that is like a job's log: words, digits and punctuation, with a line end every 97
 * bytes.
 */
function chunkOf(line: string): Uint8Array {
  const lines = Math.ceil(CHUNK_BYTES / line.length);
  return Buffer.from(line.repeat(lines)).subarray(0, CHUNK_BYTES);
}

const TEXT =
  'step 0042: compiling src/domain/trace/pipeline.ts -> dist/pipeline.js (ok, 12 ms, 4 warnings) ';
const ENGLISH = `${TEXT.padEnd(LINE_BYTES - 1, '.').slice(0, LINE_BYTES - 1)}\n`;

/** A job with some masked variables has about this number of secrets. */
const SECRETS: readonly string[] = Array.from(
  { length: 12 },
  (_, index) => `${'sctgkpwm0Z4q'[index] ?? 'x'}Ecr3t-${index * 7919}-${'value'.repeat(3)}`,
);

type Write = (bytes: Uint8Array) => Uint8Array;

function automatonOf(texts: readonly string[]) {
  return createPhraseAutomaton(texts.map((text) => Buffer.from(text)));
}

function stagesOf(): Readonly<Record<string, () => Write>> {
  return {
    'phrase-mask': () => createPhraseMask(automatonOf(SECRETS), undefined, NATIVE_BYTE_TOOLS).write,
    'url-mask': () => createUrlMask(undefined, NATIVE_BYTE_TOOLS).write,
    'token-mask': () =>
      createTokenMask(automatonOf(defaultTokenPrefixes(true)), undefined, NATIVE_BYTE_TOOLS).write,
    'utf8-repair': () => createUtf8Repair('', NATIVE_BYTE_TOOLS).write,
    'line-stamps': () => {
      const stamps = createLineStamps('01O', undefined, NATIVE_BYTE_TOOLS);
      return (bytes) => stamps.write(bytes, NOW_MS);
    },
    'length and crc32': () =>
      createTraceMeter(Number.MAX_SAFE_INTEGER, undefined, NATIVE_BYTE_TOOLS).admit,
    'all of it': () => {
      const pipeline = createTracePipeline({
        tools: NATIVE_BYTE_TOOLS,
        maskPhrases: SECRETS,
        tokenPrefixes: defaultTokenPrefixes(true),
        timestamps: true,
        limitBytes: Number.MAX_SAFE_INTEGER,
      });
      return (bytes) => pipeline.write('stdout', bytes, NOW_MS);
    },
  };
}

/**
 * Returns the MiB of input per second of CPU time. The time is that of the whole process, with
 * garbage collection.
 */
function measure(write: Write, chunk: Uint8Array): number {
  const started = process.cpuUsage();
  for (let i = 0; i < CHUNKS; i++) write(chunk);
  const { user, system } = process.cpuUsage(started);
  return (CHUNKS * CHUNK_BYTES) / MEBIBYTE / ((user + system) / 1e6);
}

/**
 * Returns the table. It has one row for each stage, with the median of several runs after one that
 * is not counted.
 */
export async function benchTraceStages(): Promise<string> {
  const chunk = chunkOf(ENGLISH);
  const rows = Object.entries(stagesOf()).map(([name, open]) => {
    const write = open();
    measure(write, chunk);
    const speeds = Array.from({ length: RUNS }, () => measure(write, chunk));
    return `| ${name} | ${Math.round(median(speeds))} |`;
  });
  return ['| stage | MiB a second of CPU |', '|---|---|', ...rows].join('\n');
}
