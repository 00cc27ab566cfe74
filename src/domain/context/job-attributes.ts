/**
 * The search attributes of a build and their types. In Temporal on SQLite and PostgreSQL a
 * namespace holds ten of type Keyword and three of type Int. **Source:** Temporal's visibility
 * store for SQL.
 */
export const ATTRIBUTE_TYPES = {
  GitLabHost: 'KEYWORD',
  Project: 'KEYWORD',
  JobId: 'INT',
  JobName: 'KEYWORD',
  Ref: 'KEYWORD',
  PipelineId: 'INT',
  Runner: 'KEYWORD',
  Node: 'KEYWORD',
  Stage: 'KEYWORD',
  Result: 'KEYWORD',
  FailureReason: 'KEYWORD',
} as const;

/** Name of a search attribute that builds have. */
export type AttributeName = keyof typeof ATTRIBUTE_TYPES;

/** Values of search attributes, which everybody who sees Temporal can read. */
export type JobAttributes = Readonly<Partial<Record<AttributeName, string | number>>>;

/** A search attribute as Temporal's SDK takes it. */
export type AttributePair =
  | { readonly key: { name: string; type: 'KEYWORD' }; readonly value: string }
  | { readonly key: { name: string; type: 'INT' }; readonly value: number };

/** The limit for a Keyword, which is a column of 255 characters in SQL. */
const MAX_LENGTH = 255;

/** The attributes in the form in which Temporal's SDK takes them. Longer texts are cut. */
export function attributePairs(attributes: JobAttributes): AttributePair[] {
  return Object.entries(attributes).map(([name, value]) =>
    typeof value === 'number'
      ? { key: { name, type: 'INT' }, value }
      : { key: { name, type: 'KEYWORD' }, value: value.slice(0, MAX_LENGTH) },
  );
}
