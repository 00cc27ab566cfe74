import { STAGE_MOUNTS } from '../script/stage-mounts.ts';
import type { VariableFile } from '../variables/variables.ts';
import type { ContainerSpec, FileMount } from './specs.ts';
import {
  awaitsScriptAtStart,
  runsStageLoop,
  letHelperWait,
  letJobStartEarly,
  type WaitingPaths,
} from './waiting-container.ts';

/** The container that a stage runs in. */
export type ContainerPlace = 'build' | 'helper';

/** Host paths of the files that one container has mounted at STAGE_MOUNTS. */
export interface StageFilePaths extends WaitingPaths {
  readonly script: string;
  readonly output: string;
  readonly state: string;
}

/** The facts about an image that must be known before its container is created. */
export interface ImageFacts {
  readonly entrypoint: readonly string[];
  /** Docker's value: a name or a number, with or without a group. Empty: root. */
  readonly user: string;
}

/** Facts that are known when a container is about to be created. */
export interface FoundFacts {
  readonly files: StageFilePaths;
  /** The images of the build's containers, as far as they are known. */
  readonly images: ReadonlyMap<ContainerPlace, ImageFacts>;
  /** See `WaitingOptions`. */
  readonly sharesPipes: boolean;
  /** See `EarlyOptions`. */
  readonly startsEarly: boolean;
}

/** A container that can be created. */
export interface ReadyContainer {
  readonly spec: ContainerSpec;
  /** Directories that the runner itself has to create in it. */
  readonly directoriesToMake: readonly string[];
  /** Files that the runner itself has to write into it. */
  readonly filesToWrite: readonly VariableFile[];
}

/** The part of a build's plan that the containers depend on. */
export interface ReadyOptions {
  /** Both containers, without the files through which they get their stages. */
  readonly containers: Readonly<Record<ContainerPlace, ContainerSpec>>;
  /**
   * What first needs the directories: a stage in the helper, a stage that moves files into a
   * container, or the job's first script.
   */
  readonly firstUse: 'helper' | 'transfer' | 'script';
  /** True: the image is the official helper image. */
  readonly isOfficialHelper: boolean;
  readonly hasUmask: boolean;
  /** Directories that every user may write to. */
  readonly directories: readonly string[];
  readonly variableFiles: readonly VariableFile[];
}

const NO_IMAGE: ImageFacts = { entrypoint: [], user: '' };
const NOTHING = { directoriesToMake: [], filesToWrite: [] };

/**
 * Completes a container with the files through which it gets its stages. It depends on the image
 * and the engine how a container gets them. The helper may wait for its stages, and the job's
 * container may be started early. Otherwise a container is started for each stage, and also gets
 * the script on its stdin when an entrypoint may ignore the command.
 *
 * A waiting container whose user is root creates the directories itself, because the engine takes a
 * tenth of a second to unpack them into a container that does not run. The helper does so if its
 * stage is the first that needs the directories, and the job's container if its script is the
 * first. Before files are moved into a container, the engine creates the directories, because
 * nobody knows whether the container's shell has already run.
 *
 * Scripts write the file variables. Where an entrypoint comes before every script, the engine writes
 * them too.
 */
export function readyContainer(
  place: ContainerPlace,
  found: FoundFacts,
  options: ReadyOptions,
): ReadyContainer {
  const { directories } = options;
  const helper = readyHelper(found, options, []);
  const helperOpens =
    options.firstUse === 'helper' && runsStageLoop(helper) && isRoot(helper, 'helper', found);
  if (place === 'helper') {
    return helperOpens
      ? { spec: readyHelper(found, options, directories), ...NOTHING }
      : { spec: helper, ...NOTHING, directoriesToMake: directories };
  }
  const build = readyBuild(found, options, []);
  if (helperOpens) return { spec: build, ...NOTHING };
  const isFirst = options.firstUse === 'script' && awaitsScriptAtStart(build);
  return isFirst && isRoot(build, 'build', found)
    ? { spec: readyBuild(found, options, directories), ...NOTHING }
    : {
        spec: build,
        directoriesToMake: directories,
        filesToWrite: filesForEntrypoint(build, options),
      };
}

/** Returns the files that an entrypoint may read before any script has written them. */
function filesForEntrypoint(
  { opensStdin }: ContainerSpec,
  { firstUse, variableFiles }: ReadyOptions,
): readonly VariableFile[] {
  return opensStdin && firstUse !== 'helper' ? variableFiles : [];
}

function readyHelper(
  { files, images, sharesPipes }: FoundFacts,
  { containers, isOfficialHelper: isOfficialImage, hasUmask }: ReadyOptions,
  directories: readonly string[],
): ContainerSpec {
  const { entrypoint: imageEntrypoint } = images.get('helper') ?? NO_IMAGE;
  const { nextStage, wakePipe } = files;
  return letHelperWait(withFiles(containers.helper, files), {
    imageEntrypoint,
    isOfficialImage,
    sharesPipes,
    nextStage,
    wakePipe,
    hasUmask,
    directories,
  });
}

function readyBuild(
  { files, images, startsEarly }: FoundFacts,
  { containers }: ReadyOptions,
  directories: readonly string[],
): ContainerSpec {
  const { entrypoint: imageEntrypoint } = images.get('build') ?? NO_IMAGE;
  const { nextStage, wakePipe } = files;
  return letJobStartEarly(withFiles(containers.build, files), {
    imageEntrypoint,
    startsEarly,
    nextStage,
    wakePipe,
    directories,
  });
}

/** Whether the container's first process may create directories that everybody can write to. */
function isRoot(
  { user, capDrop }: ContainerSpec,
  place: ContainerPlace,
  { images }: FoundFacts,
): boolean {
  const image = images.get(place);
  const [name = ''] = (user || (image?.user ?? '')).split(':');
  return image !== undefined && ['', '0', 'root'].includes(name) && capDrop.length === 0;
}

function withFiles(spec: ContainerSpec, { script, output, state }: StageFilePaths): ContainerSpec {
  const fileMounts: readonly FileMount[] = [
    { source: script, target: STAGE_MOUNTS.script, readOnly: true },
    { source: output, target: STAGE_MOUNTS.output, readOnly: false },
    { source: state, target: STAGE_MOUNTS.state, readOnly: false },
  ];
  return { ...spec, fileMounts };
}
