import { BUILD_LABEL } from '../../domain/executor/labels.ts';

export { BUILD_LABEL };

type Labels = Readonly<Record<string, string>>;
/** Labels with their values; undefined accepts any value. */
export type WantedLabels = Readonly<Record<string, string | undefined>>;

/**
 * Label whose value is the installation that made an object, because two installations may share a
 * daemon.
 */
export const INSTALLATION_LABEL = 'temporal-gitlab-runner.installation';

export function withInstallation(labels: Labels, installation: string): Record<string, string> {
  return { ...labels, [INSTALLATION_LABEL]: installation };
}

/** Whether an existing object is the one that is to be created. */
export function isOfSameBuild(existing: Labels, wanted: Labels, installation: string): boolean {
  const build = wanted[BUILD_LABEL];
  return (
    build !== undefined &&
    existing[BUILD_LABEL] === build &&
    existing[INSTALLATION_LABEL] === installation
  );
}

/** Whether an object belongs to a build of this installation, which may then remove it. */
export function isOfAnyBuild(existing: Labels, installation: string): boolean {
  return existing[BUILD_LABEL] !== undefined && existing[INSTALLATION_LABEL] === installation;
}

/** Whether an object has all of these labels. */
export function hasLabels(existing: Labels, wanted: WantedLabels): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const found = existing[key];
    return found !== undefined && (value === undefined || found === value);
  });
}
