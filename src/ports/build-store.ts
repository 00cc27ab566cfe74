import type { BuildContext } from '../domain/context/context.ts';

/** The node's own records of its builds: a directory each, 0700, the payload encrypted. */
export interface BuildStore {
  /**
   * Writes the record durably (fsync) before it returns, so that the job cannot be lost. Assigns
   * the concurrent ids. An existing record is returned unchanged.
   */
  create(draft: BuildDraft): Promise<BuildContext>;
  read(buildId: string): Promise<BuildContext | undefined>;
  /**
   * The record, after checking that it is still on the disk. If somebody deleted it under the
   * running build, it is written again with `lostFiles` set.
   */
  readFromDisk(buildId: string): Promise<BuildContext | undefined>;
  /** Ids of every build recorded on this node. */
  list(): Promise<readonly string[]>;
  /** Host path of the build's own directory. */
  directory(buildId: string): string;
  /** Adds values to the record, encrypted and durably, before it resolves. */
  keep(buildId: string, additions: BuildAdditions): Promise<void>;
  /** Deletes every file of the build. */
  remove(buildId: string): Promise<void>;
  /**
   * Reads a note by name: a small fact about a build that must survive a crash, such as a container
   * id; undefined when there is none. It comes from the disk once in each process: nobody else writes
   * the notes of this node.
   */
  readNote(buildId: string, name: string): Promise<unknown>;
  writeNote(buildId: string, name: string, value: unknown): Promise<void>;
  /**
   * Host path for a file of this name in the build's own directory, which is created when absent.
   */
  scratchFile(buildId: string, name: string): Promise<string>;
  /** Host path of the file that receives a service's log. Created when absent. */
  serviceLogFile(buildId: string, index: number): Promise<string>;
  /**
   * Host paths of the files that are mounted in one container of the build. Created when absent.
   */
  stageFiles(buildId: string, place: 'build' | 'helper'): Promise<StageFiles>;
  /**
   * Replaces the content of the script file in place, because its inode is mounted. Empties the
   * state file, unless the stage with this nonce has already begun.
   */
  writeScript(buildId: string, place: 'build' | 'helper', script: ScriptFile): Promise<void>;
  /** Names the stage to run to a container that waits for its stages. The script is there by then. */
  writeTurn(buildId: string, place: 'build' | 'helper', nonce: string): Promise<void>;
  /**
   * Wakes a container that waits for its stages. Resolves when the stage has begun, when the signal
   * aborts, or with `unheard` when the container has not begun the stage in half a minute.
   */
  ringBell(
    buildId: string,
    place: 'build' | 'helper',
    wait: StageWait,
  ): Promise<'unheard' | undefined>;
  /** Resolves when `isStageOver` holds, or when the signal aborts. */
  whenOver(buildId: string, place: 'build' | 'helper', wait: StageWait): Promise<void>;
  /** Resolves when the stage's wrapper has written its nonce, or when the signal aborts. */
  whenBegun(buildId: string, place: 'build' | 'helper', wait: StageWait): Promise<void>;
  /** What the stage's wrapper wrote: see `parseStageState`. */
  readState(buildId: string, place: 'build' | 'helper'): Promise<string>;
  /** The end of the output that the stages in a container wrote after `fromByte`. */
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

/** A stage whose beginning or end is waited for. */
export interface StageWait {
  readonly nonce: string;
  readonly signal: AbortSignal;
}

/** Host paths of the files that are mounted in a stage's container. */
export interface StageFiles {
  readonly script: string;
  readonly output: string;
  readonly state: string;
  readonly turn: string;
  /** A named pipe. undefined when the node cannot make one. */
  readonly bell: string | undefined;
}
