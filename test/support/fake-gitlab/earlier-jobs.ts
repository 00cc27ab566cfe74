import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { FakeRequest, Reply } from './exchange.ts';
import { randomToken } from './runners.ts';
import type { FakeAnswer, FakeEarlierJob } from './types.ts';

/** A job of an earlier stage. Only its artifacts still exist. */
export interface EarlierJob {
  readonly id: number;
  readonly token: string;
  readonly spec: FakeEarlierJob;
  /** The answers that a test has set. They are given in this order, before the file itself. */
  readonly answers: FakeAnswer[];
}

export interface EarlierJobs {
  /** Adds jobs. Returns the part of a payload that names them. */
  add(specs: readonly FakeEarlierJob[]): readonly Readonly<Record<string, unknown>>[];
  find(id: number): EarlierJob | undefined;
  /** Returns the next answer that a test has set for this job. */
  nextAnswer(id: number | undefined): FakeAnswer | undefined;
}

export function createEarlierJobs(firstId: number): EarlierJobs {
  const jobs: EarlierJob[] = [];
  const find = (id: number): EarlierJob | undefined => jobs.find((job) => job.id === id);
  return {
    add: (specs) =>
      specs.map((spec) => {
        const id = firstId + jobs.length;
        const token = spec.token ?? `glcbt-64_${randomToken()}`;
        jobs.push({ id, token, spec, answers: [...(spec.answers ?? [])] });
        const hasFile = spec.archive !== undefined;
        const filename = hasFile ? 'artifacts.zip' : '';
        return { id, token, name: spec.name, artifacts_file: { filename, size: hasFile ? 1 : 0 } };
      }),
    find,
    nextAnswer: (id) => (id === undefined ? undefined : find(id)?.answers.shift()),
  };
}

/** Returns an answer with the kept file. A file on the disk is sent while it is read. */
export async function replyWith(archive: FakeEarlierJob['archive']): Promise<Reply> {
  const type = { 'Content-Type': 'application/octet-stream' };
  if (typeof archive !== 'string') {
    return { status: 200, headers: type, body: archive ?? Buffer.alloc(0) };
  }
  const { size } = await stat(archive);
  const headers = { ...type, 'Content-Length': String(size) };
  return { status: 200, headers, body: Readable.from(createReadStream(archive)) };
}

export function wantsDirectDownload({ url }: Pick<FakeRequest, 'url'>): boolean {
  return url.searchParams.get('direct_download') === 'true';
}
