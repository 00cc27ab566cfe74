import { z } from 'zod';

// These schemas contain only the fields of Docker's answers that this adapter reads. Docker writes
// null for many empty values.

const labels = z.record(z.string(), z.string()).nullish();

export const versionSchema = z.object({
  ApiVersion: z.string(),
  MinAPIVersion: z.string().default('1.24'),
});

export const infoSchema = z.object({
  OSType: z.string(),
  Architecture: z.string(),
  Name: z.string(),
  OperatingSystem: z.string().nullish(),
  DefaultRuntime: z.string().nullish(),
});

export const imageSchema = z.object({
  Id: z.string(),
  RepoDigests: z.array(z.string()).nullish(),
  Os: z.string().nullish(),
  Architecture: z.string().nullish(),
  Config: z
    .object({
      User: z.string().nullish(),
      Entrypoint: z.array(z.string()).nullish(),
    })
    .nullish(),
});

/** The answer to a request that creates a container or a command in one. */
export const createdSchema = z.object({ Id: z.string() });

export const mountSchema = z.object({
  /** Set only for a volume. */
  Name: z.string().optional(),
  /** Set only for a host directory. */
  Source: z.string().default(''),
  Destination: z.string(),
});

export const containerSchema = z.object({
  Id: z.string(),
  State: z.object({
    /** The engine's word for the state: see `parseState`. */
    Status: z.string(),
    ExitCode: z.number(),
    OOMKilled: z.boolean().default(false),
    StartedAt: z.string(),
    Error: z.string().default(''),
  }),
  Config: z.object({ Labels: labels, OpenStdin: z.boolean().default(false) }),
  Mounts: z.array(mountSchema).nullish(),
});

export const endpointSchema = z.object({
  Config: z.object({
    Env: z.array(z.string()).nullish(),
    ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
  }),
  NetworkSettings: z
    .object({
      Networks: z
        .record(
          z.string(),
          z
            .object({ IPAddress: z.string().nullish(), GlobalIPv6Address: z.string().nullish() })
            .nullish(),
        )
        .nullish(),
    })
    .nullish(),
});

export const execSchema = z.object({ Running: z.boolean(), ExitCode: z.number().nullish() });

export const networkSchema = z.object({
  Labels: labels,
  Containers: z.record(z.string(), z.unknown()).nullish(),
});

export const listSchema = z.array(z.object({ Id: z.string(), Labels: labels }));

export const volumesSchema = z.object({
  Volumes: z
    .array(z.object({ Name: z.string(), Labels: labels, Driver: z.string(), Options: labels }))
    .nullish(),
});

export const usageSchema = z.object({
  Volumes: z
    .array(z.object({ Name: z.string(), UsageData: z.object({ Size: z.number() }).nullish() }))
    .nullish(),
});

/** The TCP ports among those that an image or a container exposes, such as `80/tcp` or `80`. */
export function tcpPortsOf(
  exposed: Readonly<Record<string, unknown>> | null | undefined,
): readonly number[] {
  return Object.keys(exposed ?? {})
    .filter((port) => port.endsWith('/tcp') || !port.includes('/'))
    .map((port) => Number.parseInt(port, 10));
}
