export type TomlTable = Readonly<Record<string, unknown>>;

export function isTable(value: unknown): value is TomlTable {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

export function withoutKey(table: TomlTable, key: string): TomlTable {
  return Object.fromEntries(Object.entries(table).filter(([other]) => other !== key));
}
