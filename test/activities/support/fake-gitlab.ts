import type {
  ArtifactReply,
  Coordinator,
  PatchReply,
  UpdateReply,
} from '../../../src/ports/index.ts';
import type { World } from './world.ts';

/** A GitLab that knows one job. It is strict about gaps in a trace and about ended jobs. */
export function createFakeCoordinator({ gitlab }: World): Coordinator {
  const hasEnded = (): boolean => ['success', 'failed'].includes(gitlab.state);
  return {
    requestJob: () => Promise.resolve({ kind: 'no_job' }),
    updateJob: (_job, update): Promise<UpdateReply> => {
      if (hasEnded()) return Promise.resolve({ kind: 'job_gone', status: 403 });
      gitlab.state = update.state;
      gitlab.updates.push(update);
      return Promise.resolve({ kind: 'done', remote: 'running' });
    },
    takePatchPermit: () => ({ maxBytes: 1024 * 1024, giveBack: () => undefined }),
    downloadArtifact: () => Promise.reject(new Error('no artifacts here')),
    patchTrace: (_job, { window, body }): Promise<PatchReply> => {
      const common = { remote: 'running', updateIntervalMs: undefined } as const;
      if (hasEnded()) return Promise.resolve({ kind: 'job_gone', status: 403 });
      const remoteLengthBytes = gitlab.trace.length;
      if (window.startByte !== remoteLengthBytes) {
        return Promise.resolve({ kind: 'range_mismatch', remoteLengthBytes, ...common });
      }
      gitlab.trace += new TextDecoder().decode(body);
      return Promise.resolve({ kind: 'accepted', ...common });
    },
    uploadArtifact: (_job, { filename, type }): Promise<ArtifactReply> => {
      const answer = { correlationId: 'correlation', said: '201 Created', status: 201 };
      if (hasEnded()) {
        return Promise.resolve({
          ...answer,
          kind: 'forbidden',
          status: 403,
          said: '403 Forbidden',
        });
      }
      gitlab.artifacts.push(`${type} ${filename}`);
      return Promise.resolve({ ...answer, kind: 'created' });
    },
  };
}
