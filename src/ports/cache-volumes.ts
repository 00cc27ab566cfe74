/** The Docker volumes that outlive builds: caches and checkouts of projects. */
export interface CacheVolumeEngine {
  /**
   * Volumes that this installation made on the daemon's own disk. Volumes of other drivers, or with
   * driver options, are managed by somebody else.
   */
  listCacheVolumes(): Promise<readonly CacheVolume[]>;
  /**
   * Bytes by volume, as far as Docker knows them. Expensive, because Docker reads every directory.
   */
  measureVolumes(): Promise<ReadonlyMap<string, number>>;
  /** Returns false when a container has it mounted, even one that does not run. */
  removeIdleVolume(name: string): Promise<boolean>;
}

/** A cache volume as Docker knows it. */
export interface CacheVolume {
  readonly name: string;
  /** By any container, including other people's. */
  readonly isMounted: boolean;
}

/**
 * When each cache volume of this node was last used, which Docker does not record. Survives
 * restarts.
 */
export interface CacheUses {
  /**
   * Records that a build is about to mount it, or has it mounted. Waits for a removal in progress.
   */
  noteUse(volume: string): Promise<void>;
  /** When it was last used, in milliseconds; the current time for an unknown volume. */
  lastUseMs(volume: string): Promise<number>;
  /**
   * Calls `remove` unless the volume was used at `sinceMs` or later, and forgets the volume when
   * that returns true. No build begins to use it meanwhile. Returns whether it was removed.
   */
  removeUnlessUsed(
    volume: string,
    sinceMs: number,
    remove: () => Promise<boolean>,
  ): Promise<boolean>;
  /** Forgets volumes last used before `sinceMs` that are not in `volumes`. */
  forgetOthers(volumes: ReadonlySet<string>, sinceMs: number): Promise<void>;
}
