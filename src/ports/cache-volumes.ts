/** Docker's part for the volumes that outlive builds: caches and checkouts of projects. */
export interface CacheVolumeEngine {
  /**
   * Lists the volumes that this installation made on the daemon's own disk. Somebody else manages
   * volumes of other drivers, and those with driver options.
   */
  listCacheVolumes(): Promise<readonly CacheVolume[]>;
  /**
   * Measures the volumes, in bytes, as far as Docker knows them. This is expensive, because Docker
   * reads every directory.
   */
  measureVolumes(): Promise<ReadonlyMap<string, number>>;
  /**
   * Removes a volume. Returns false when a container has it mounted, even one that does not run.
   */
  removeIdleVolume(name: string): Promise<boolean>;
}

/** A cache volume as Docker knows it. */
export interface CacheVolume {
  readonly name: string;
  /** True: any container has it mounted, including other people's. */
  readonly isMounted: boolean;
}

/**
 * Remembers when each cache volume of this node was last used, because Docker does not record that.
 * Survives restarts.
 */
export interface CacheUses {
  /**
   * Records that a build is about to mount the volume, or has it mounted. Waits for a removal in
   * progress.
   */
  noteUse(volume: string): Promise<void>;
  /**
   * Returns when the volume was last used, in milliseconds; the current time for an unknown volume.
   */
  lastUseMs(volume: string): Promise<number>;
  /**
   * Calls `remove` unless the volume was used at `sinceMs` or later, and forgets the volume when
   * `remove` returns true. No build begins to use the volume meanwhile. Returns whether it was
   * removed.
   */
  removeUnlessUsed(
    volume: string,
    sinceMs: number,
    remove: () => Promise<boolean>,
  ): Promise<boolean>;
  /** Forgets volumes that were last used before `sinceMs` and are not in `volumes`. */
  forgetOthers(volumes: ReadonlySet<string>, sinceMs: number): Promise<void>;
}
