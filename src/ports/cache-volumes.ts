/** The volumes of Docker that outlive builds: caches and checkouts of projects. */
export interface CacheVolumeEngine {
  /**
   * Those that this installation made, on the daemon's own disk. What another driver or an option of
   * one keeps elsewhere is somebody else's to tidy.
   */
  listCacheVolumes(): Promise<readonly CacheVolume[]>;
  /** Bytes by volume, as far as Docker knows them. It looks at every file: costly. */
  measureVolumes(): Promise<ReadonlyMap<string, number>>;
  /** Returns false when some container has it mounted, which may not even run. */
  removeIdleVolume(name: string): Promise<boolean>;
}

export interface CacheVolume {
  readonly name: string;
  /** By any container, of whomever. */
  readonly isMounted: boolean;
}

/** When each cache volume of this node was last used, which Docker does not know. Survives restarts. */
export interface CacheUses {
  /** A build is about to mount it, or has it mounted. Waits for a removal that is under way. */
  noteUse(volume: string): Promise<void>;
  /** When it was last used, in milliseconds; now, when it was never heard of before. */
  lastUseMs(volume: string): Promise<number>;
  /**
   * Calls `remove` unless the volume was used at `sinceMs` or later, and forgets it when that returns
   * true. No build begins to use it meanwhile. Returns whether it was removed.
   */
  removeUnlessUsed(
    volume: string,
    sinceMs: number,
    remove: () => Promise<boolean>,
  ): Promise<boolean>;
  /** Forgets those last used before `sinceMs` that are not among `volumes`. */
  forgetOthers(volumes: ReadonlySet<string>, sinceMs: number): Promise<void>;
}
