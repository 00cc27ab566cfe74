import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import type {
  ArtifactReply,
  ArtifactUpload,
  ContainerEngine,
  Ports,
  UpdateReply,
} from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import {
  createFakeFileSystem,
  type FakeFileSystem,
  type StoredFile,
} from '../support/fake-files.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type FakeScript } from '../support/world.ts';

export const PROJECT = '/builds/group/app';

type Kind = Exclude<ArtifactReply['kind'], 'redirected'>;

let replies = 0;

/** GitLab's answer to an upload. */
export function answer(kind: Kind, status: number): ArtifactReply {
  replies += 1;
  return { kind, status, said: `${status} said`, correlationId: `c${replies}` };
}

export function redirectTo(url: string): ArtifactReply {
  return { ...answer('failed', 307), kind: 'redirected', url };
}

export interface UploadOptions {
  readonly artifacts?: readonly Readonly<Record<string, unknown>>[];
  readonly variables?: Readonly<Record<string, string>>;
  /**
   * The files of the container, by absolute paths or by paths relative to the project: as texts or
   * as something else. Without them there is only `out/a`.
   */
  readonly files?: Readonly<Record<string, string | Pick<StoredFile, 'leadsTo' | 'isDirectory'>>>;
  /** One after the other. After the last one GitLab accepts everything. */
  readonly answers?: readonly (ArtifactReply | Error)[];
  /** The answer to a call that asks whether GitLab still wants the job. */
  readonly update?: UpdateReply | Error;
  readonly stage?: 'upload_artifacts_on_success' | 'upload_artifacts_on_failure';
  /** How often the stage is tried, each time by another process of the node. */
  readonly tries?: number;
  readonly ports?: Partial<Ports>;
  /** What Docker does differently. */
  readonly engine?: Partial<ContainerEngine>;
  /** What the script that lists files does. */
  readonly listing?: FakeScript;
}

export interface Uploaded {
  readonly outcome: StageOutcome;
  readonly uploads: readonly (Pick<ArtifactUpload, 'filename' | 'url'> & {
    readonly text: string;
  })[];
  readonly trace: string;
}

/** Runs the stage that uploads the artifacts of a job whose entries name `out/`. */
export async function upload({
  artifacts = [{}],
  variables = {},
  answers = [],
  update = { kind: 'done', remote: 'running' },
  stage = 'upload_artifacts_on_success',
  tries = 1,
  ...options
}: UploadOptions = {}): Promise<Uploaded> {
  const job = {
    artifacts: artifacts.map((entry) => ({ paths: ['out/'], ...entry })),
    variables: Object.entries(variables).map(([key, value]) => ({ key, value })),
  };
  const context = contextOf({ job });
  const { buildId } = context;
  const world = createWorld(context, { scripts: { 'helper#1': options.listing ?? {} } });
  const files = filesOf(options.files ?? { 'out/a': 'made' });
  const uploads: Uploaded['uploads'][number][] = [];
  const coordinator = {
    uploadArtifact: (_: unknown, { file, filename, url }: ArtifactUpload) => {
      const reply = answers[uploads.length] ?? answer('created', 201);
      uploads.push({ filename, url, text: files.node.get(file) ?? '' });
      return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
    },
    updateJob: () => (update instanceof Error ? Promise.reject(update) : Promise.resolve(update)),
  };
  const ports = { archives: files.archives, hostFiles: files.hostFiles, ...options.ports };
  const engine = { ...files.engine, ...options.engine };
  const open = () => openProcess(world, { ports, engine, coordinator }).activities;
  await runActivity(() => open().node.prepareEnvironment({ buildId }));
  const planned = { name: stage, place: 'transfer', attempts: 1 } as const;
  let outcome: StageOutcome = { kind: 'succeeded' };
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    const request = { stage: planned, attempt, jobStatus: 'running' } as const;
    outcome = await runActivity(() => open().node.runStage({ buildId }, request));
  }
  return { outcome, uploads, trace: world.spool.saved.text };
}

function filesOf(files: Required<UploadOptions>['files']): FakeFileSystem {
  const system = createFakeFileSystem();
  for (const [path, file] of Object.entries(files)) {
    const content = typeof file === 'string' ? { text: file } : { text: '', ...file };
    system.container.set(path.startsWith('/') ? path : `${PROJECT}/${path}`, {
      ...content,
      modifiedMs: 1,
    });
  }
  return system;
}
