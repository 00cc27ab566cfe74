import { FailureType, FinalError } from '../failure.ts';
import type { DockerConfig } from '../runner/config.ts';
import { isIpAddress, parseMacAddress } from './addresses.ts';
import { parseGpus } from './gpus.ts';
import type { DeviceRequest, Ulimit } from './specs.ts';

// These values of [runners.docker] must be converted for Docker. A value that Docker cannot use
// fails the build and not the whole node, because other builds may not need it.

/** Soft and hard limits by name. Source: gitlab-runner `common/config.go` (GetUlimits). */
export function readUlimits({ ulimit }: DockerConfig): readonly Ulimit[] {
  return Object.entries(ulimit).map(([name, limits]) => {
    const [, soft, hard = soft] = /^([-+]?\d{1,15})(?::([-+]?\d{1,15}))?$/.exec(limits) ?? [];
    if (soft === undefined) {
      throw invalid(`ulimit.${name}`, limits, 'a number, or two as "soft:hard"');
    }
    return { name, soft: Number(soft), hard: Number(hard) };
  });
}

/** Source: gitlab-runner `executors/docker/docker.go` (dnsServerAddrs). */
export function readDns({ dns }: DockerConfig): readonly string[] {
  for (const server of dns) {
    if (!isIpAddress(server)) throw invalid('dns', server, 'the IP address of a DNS server');
  }
  return dns;
}

/** Source: gitlab-runner `executors/docker/docker.go` (parseMACAddress). */
export function readMacAddress({ macAddress }: DockerConfig): string {
  if (macAddress === '') return '';
  const parsed = parseMacAddress(macAddress);
  if (parsed !== undefined) return parsed;
  throw invalid('mac_address', macAddress, 'a MAC address such as "02:42:ac:11:00:02"');
}

/** Source: gitlab-runner `executors/docker/docker.go` (parseDeviceString). */
export function readDevices(key: string, devices: readonly string[]): readonly string[] {
  for (const device of devices) {
    const parts = device.split(':');
    if (parts.length > 3 || parts.includes('')) {
      throw invalid(key, device, '"host", "host:container" or "host:container:rwm"');
    }
  }
  return devices;
}

/**
 * GPUs of a container. Throws `RunnerConfiguration` for a malformed value. `key` names the setting.
 * Source: docker/cli `opts/gpus.go`.
 */
export function readGpus(key: string, gpus: string): readonly DeviceRequest[] {
  const request = parseGpus(gpus);
  if (typeof request === 'string') throw invalid(key, gpus, `what --gpus takes: ${request}`);
  return request === undefined ? [] : [request];
}

const LOG_OPTIONS = ['env', 'labels'];

/**
 * Returns the log options. Allows only a few of them, because others could redirect the log that
 * the runner reads. Source: `common/config.go` (GetLogConfig).
 */
export function readLogOptions({ logOptions }: DockerConfig): Readonly<Record<string, string>> {
  const others = Object.keys(logOptions).filter((name) => !LOG_OPTIONS.includes(name));
  if (others.length === 0) return logOptions;
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `invalid log options: only ${showList(LOG_OPTIONS)} are allowed, but found: ${showList(others.sort())}; correct log_options in [runners.docker]`,
  );
}

/** Source: gitlab-runner `executors/docker/docker.go` (createHostConfig). */
export function readIsolation({ isolation }: DockerConfig): string {
  if (['', 'default', 'process', 'hyperv'].includes(isolation.toLowerCase())) return isolation;
  throw invalid('isolation', isolation, '"default", on Windows also "process" and "hyperv"');
}

function invalid(key: string, value: string, expected: string): FinalError {
  return new FinalError(
    FailureType.RunnerConfiguration,
    `invalid ${key} in [runners.docker]: ${JSON.stringify(value)}, expected ${expected}`,
  );
}

function showList(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;
}
