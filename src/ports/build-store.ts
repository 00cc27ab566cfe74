import type { BuildContext } from '../domain/context/context.ts';

/** The node's own records of its builds: a directory each, 0700, the payload encrypted. */
export interface BuildStore {
  /**
   * Writes the record durably (fsync) before it returns: from here on the job is not lost. Assigns
   * the concurrent ids. A record that exists already is returned as it is.
   */
  create(draft: BuildDraft): Promise<BuildContext>;
  read(buildId: string): Promise<BuildContext | undefined>;
  /**
   * The record, after a look at whether it is on the disk still. When somebody has deleted it under the
   * running build, it is written again and says so from then on.
   */
  readFromDisk(buildId: string): Promise<BuildContext | undefined>;
  /** Ids of every build recorded on this node. */
  list(): Promise<readonly string[]>;
  /** Host path of the build's own directory. */
  directory(buildId: string): string;
  /** Adds them to the record, encrypted and durably, before it resolves. */
  keep(buildId: string, additions: BuildAdditions): Promise<void>;
  /** Deletes every file of the build. */
  remove(buildId: string): Promise<void>;
  /** Small facts of a build that must survive a crash, by name: container ids, stage starts. */
  readNote(buildId: string, name: string): Promise<unknown>;
  writeNote(buildId: string, name: string, value: unknown): Promise<void>;
  /** Host path for a file of this name in the build's own directory, which is made when absent. */
  scratchFile(buildId: string, name: string): Promise<string>;
  /** Host path of the file that a service's log is copied into. Made when absent. */
  serviceLogFile(buildId: string, index: number): Promise<string>;
  /** Host paths of the files that one container of the build has mounted. Made when absent. */
  stageFiles(buildId: string, place: 'build' | 'helper'): Promise<StageFiles>;
  /**
   * Replaces the content of the script file in place: its inode is mounted. Empties the state file,
   * unless the stage of this nonce has begun already.
   */
  writeScript(buildId: string, place: 'build' | 'helper', script: ScriptFile): Promise<void>;
  /** Resolves when the stage's wrapper has written its nonce, or when the signal aborts. */
  whenBegun(buildId: string, place: 'build' | 'helper', wait: BeginWait): Promise<void>;
  /** What the stage's wrapper wrote: see `parseStageState`. */
  readState(buildId: string, place: 'build' | 'helper'): Promise<string>;
  /** The last of what the stages in a container have said, of what came after `fromByte`. */
  readOutputEnd(
    buildId: string,
    place: 'build' | 'helper',
    fromByte: number,
  ): Promise<{ readonly text: string; readonly endByte: number }>;
}

/** What a record gets while its build runs. */
export type BuildAdditions = Pick<BuildContext, 'secretVariables' | 'exports'>;

export type BuildDraft = Omit<BuildContext, 'concurrentId' | 'concurrentProjectId'>;

export interface ScriptFile {
  readonly text: string;
  /** That of its wrapper. */
  readonly nonce: string;
}

export interface BeginWait {
  readonly nonce: string;
  readonly signal: AbortSignal;
}

export interface StageFiles {
  readonly script: string;
  readonly output: string;
  readonly state: string;
}
