import type { BuildContext } from '../domain/context/context.ts';

/**
 * The node's own records of its builds. Each build has a directory with mode 0700; the payload in
 * it is encrypted.
 */
export interface BuildStore {
  /**
   * Writes the record durably (fsync) before it returns, so that the job cannot be lost. Assigns
   * the concurrent ids. An existing record is returned unchanged.
   */
  create(draft: BuildDraft): Promise<BuildContext>;
  read(buildId: string): Promise<BuildContext | undefined>;
  /**
   * Reads the record from the disk, to check that it is still there. If somebody deleted it under
   * the running build, it is written again with `lostFiles` set.
   */
  readFromDisk(buildId: string): Promise<BuildContext | undefined>;
  /** Lists the ids of all builds recorded on this node. */
  list(): Promise<readonly string[]>;
  /** Returns the path of the build's own directory on the node. */
  directory(buildId: string): string;
  /** Adds values to the record, encrypted and durably, before it resolves. */
  keep(buildId: string, additions: BuildAdditions): Promise<void>;
  /** Deletes every file of the build. */
  remove(buildId: string): Promise<void>;
  /**
   * Reads a note by name; undefined when there is none. A note is a small fact about a build that
   * must survive a crash, such as a container id. Each process reads it from the disk once, because
   * nobody else writes the notes of this node.
   */
  readNote(buildId: string, name: string): Promise<unknown>;
  writeNote(buildId: string, name: string, value: unknown): Promise<void>;
  /**
   * Returns the path on the node for a file of this name in the build's own directory, which is
   * created when absent.
   */
  scratchFile(buildId: string, name: string): Promise<string>;
  /**
   * Returns the path of the file on the node that receives a service's log. Creates it when absent.
   */
  serviceLogFile(buildId: string, index: number): Promise<string>;
  /**
   * Returns the paths of the files on the node that are mounted in one container of the build.
   * Creates them when absent.
   */
  stageFiles(buildId: string, place: 'build' | 'helper'): Promise<StageFiles>;
  /**
   * Replaces the content of the script file in place, because its inode is mounted. Empties the
   * state file, unless the stage with this nonce has already begun.
   */
  writeScript(buildId: string, place: 'build' | 'helper', script: ScriptFile): Promise<void>;
  /** Tells a container that waits which stage is next. Write the script first. */
  writeNextStage(buildId: string, place: 'build' | 'helper', nonce: string): Promise<void>;
  /**
   * Wakes a container that waits. Resolves when the stage has begun, when the signal aborts, or with
   * `unnoticed` when the container has not begun the stage in half a minute.
   */
  wakeContainer(
    buildId: string,
    place: 'build' | 'helper',
    wait: StageWait,
  ): Promise<'unnoticed' | undefined>;
  /** Resolves when `isStageOver` holds, or when the signal aborts. */
  whenOver(buildId: string, place: 'build' | 'helper', wait: StageWait): Promise<void>;
  /** Resolves when the stage's wrapper has written its nonce, or when the signal aborts. */
  whenBegun(buildId: string, place: 'build' | 'helper', wait: StageWait): Promise<void>;
  /** Reads what the stage's wrapper wrote: see `parseStageState`. */
  readState(buildId: string, place: 'build' | 'helper'): Promise<string>;
  /** Returns the end of the output that the stages in a container wrote after `fromByte`. */
  readOutputEnd(
    buildId: string,
    place: 'build' | 'helper',
    fromByte: number,
  ): Promise<{ readonly text: string; readonly endByte: number }>;
}

/** Values that are added to a record while its build runs. */
export type BuildAdditions = Pick<BuildContext, 'secretVariables' | 'exports'>;

/** A record before the store has assigned its concurrent ids. */
export type BuildDraft = Omit<BuildContext, 'concurrentId' | 'concurrentProjectId'>;

/** The script of a stage, ready to be written. */
export interface ScriptFile {
  readonly text: string;
  /** Nonce of the script's wrapper. */
  readonly nonce: string;
}

/** A stage whose beginning or end the caller waits for. */
export interface StageWait {
  readonly nonce: string;
  readonly signal: AbortSignal;
}

/** Paths of the files on the node that are mounted in a stage's container. */
export interface StageFiles {
  readonly script: string;
  readonly output: string;
  readonly state: string;
  /** Names the stage that a waiting container runs next. */
  readonly nextStage: string;
  /** A named pipe that wakes a waiting container; undefined when the node cannot make one. */
  readonly wakePipe: string | undefined;
}
