import { buildVariables, type Variables } from '../../../src/domain/variables/variables.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

export interface Given {
  readonly key: string;
  readonly value: string;
  readonly [flag: string]: unknown;
}

export const FILE = { file: true };
export const RAW = { raw: true };
export const v = (key: string, value: string, ...flags: object[]): Given =>
  Object.assign({ key, value }, ...flags) as Given;

export const build = (changes: ContextChanges = {}): Variables =>
  buildVariables(contextOf(changes), { jobStatus: 'running' });
export const withJob = (...variables: Given[]): Variables => build({ job: { variables } });

export const TEMP = '/builds/group/app.tmp';
