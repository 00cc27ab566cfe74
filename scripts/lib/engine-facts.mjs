import { openDocker } from './docker-engine.mjs';

/** Describes an engine by the facts on which the behaviour of jobs may depend. */
export async function describeEngine() {
  const docker = await openDocker();
  const [version, info] = await Promise.all([docker.version(), docker.info()]);
  const components = version.Components ?? [];
  const nameOf = ({ Name }) => (Name === 'Engine' ? 'Docker Engine' : Name.replace(/ Engine$/, ''));
  const isContainerd = (info.DriverStatus ?? []).some(([, value]) => /containerd/.test(value));
  return {
    name: `${components[0] === undefined ? 'an engine' : nameOf(components[0])} ${version.Version}`,
    api: version.ApiVersion,
    storage: `${info.Driver}${isContainerd ? ' of containerd' : ''}`,
    // Engines before 20.10 do not report it.
    cgroup: `cgroup v${info.CgroupVersion ?? '1'}, ${info.CgroupDriver ?? 'unknown driver'}`,
    runtime: components.flatMap(describeRuntime).join(', '),
  };
}

/** Describes the runtime. Podman returns the whole output of `runc --version`. */
function describeRuntime({ Name, Version }) {
  const name = /^OCI Runtime \((\w+)\)$/.exec(Name)?.[1] ?? Name;
  if (!['containerd', 'runc', 'crun'].includes(name)) return [];
  return `${name} ${/ version (\S+)/.exec(Version)?.[1] ?? Version}`;
}
