import { parse } from 'toml';
import { errorMessage } from '../../domain/error-message.ts';
import { isTable, type TomlTable } from './toml-table.ts';
import { readStatements, type WrittenPair, type WrittenValue } from './toml-statements.ts';

type Table = Record<string, unknown>;
type Path = readonly string[];

/** Two statements about one key contradict each other. */
export class TomlConflict extends Error {
  /** Position of the second statement, in UTF-16 units from the start of the text. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Parses TOML by the rules of BurntSushi/toml, which allows a table to be written in several
 * places: a header or a dotted key may extend an inline table, and a header may extend a table that
 * dotted keys began. TOML itself forbids both. Values are parsed by `toml`. Throws TomlConflict
 * where BurntSushi/toml fails too.
 *
 * **Source:** BurntSushi/toml 1.6.0, `parse.go`.
 */
export function mergeToml(text: string): TomlTable {
  const merge = new Merge();
  for (const statement of readStatements(text)) {
    merge.at = statement.offset;
    if (statement.kind === 'pair') merge.addPair(statement);
    else merge.addHeader(statement.key, statement.kind === 'list_header');
  }
  return merge.root;
}

class Merge {
  readonly root: Table = newTable();
  /** Position of the current statement, for error messages. */
  at = 0;
  /** The table that receives the pairs. */
  #context: Path = [];
  /** Keys of tables that no header has defined. Entries of lists are not included. */
  readonly #implicit = new Set<string>();
  /** Keys whose value is a list in brackets. */
  readonly #lists = new Set<string>();
  /** Lists made of headers in double brackets. Only these may grow. */
  readonly #headerLists = new WeakSet<readonly unknown[]>();

  addHeader(key: Path, isList: boolean): void {
    this.#open(key, isList);
    this.#lists.delete(nameOf(key));
  }

  addPair({ key, value }: WrittenPair): unknown {
    const outer = this.#context;
    const { parent, name } = split(key);
    for (const part of parent) this.#openImplicit([...this.#context, part]);
    const read = this.#read(name, value, { isInList: false });
    this.#set(name, read);
    if (value.kind !== 'list') this.#lists.delete(nameOf([...this.#context, name]));
    this.#context = outer;
    return read;
  }

  #openImplicit(key: Path): void {
    this.#implicit.add(nameOf(key));
    this.#open(key, false);
  }

  #open(key: Path, isList: boolean): void {
    const { parent, name } = split(key);
    const within = this.#descend(parent);
    this.#context = parent;
    if (isList) this.#appendTable(within, key);
    else this.#set(name, newTable());
    this.#context = key;
  }

  #read(name: string, value: WrittenValue, place: { readonly isInList: boolean }): unknown {
    switch (value.kind) {
      case 'leaf':
        return this.#readLeaf(value);
      case 'list':
        this.#lists.add(nameOf([...this.#context, name]));
        return value.items.map((item) => this.#read(name, item, { isInList: true }));
      case 'table':
        return this.#readTable([...this.#context, name], value.pairs, place.isInList);
    }
  }

  /** Returns a table in a list. Any other table is put into the root. */
  #readTable(key: Path, pairs: readonly WrittenPair[], isInList: boolean): Table {
    const outer = this.#context;
    const table = newTable();
    this.#implicit.add(nameOf(key));
    this.#open(key, isInList);
    for (const pair of pairs) this.#put(table, pair.key, this.addPair(pair));
    this.#context = outer;
    return table;
  }

  #put(table: Table, key: Path, value: unknown): void {
    const { parent, name } = split(key);
    let inner = table;
    for (const part of parent) {
      const next = (inner[part] ??= newTable());
      if (!isTable(next)) this.#refuse(key, 'is no table');
      inner = next;
    }
    inner[name] = value;
  }

  #readLeaf({ raw, offset }: { readonly raw: string; readonly offset: number }): unknown {
    try {
      return (parse(`value = ${raw}`, { bigint: true }) as TomlTable)['value'];
    } catch (error) {
      throw new TomlConflict(errorMessage(error), offset);
    }
  }

  /**
   * Returns the table at a key, and creates it if it is missing. For a list of tables, returns the
   * last one.
   */
  #descend(key: Path): Table {
    let table = this.root;
    key.forEach((part, index) => {
      if (table[part] === undefined) {
        this.#implicit.add(nameOf(key.slice(0, index + 1)));
        table[part] = newTable();
      }
      table = this.#tableOf(table[part], key.slice(0, index + 1));
    });
    return table;
  }

  #tableOf(value: unknown, key: Path): Table {
    const table: unknown = this.#isHeaderList(value) ? value.at(-1) : value;
    if (!isTable(table)) this.#refuse(key, 'is no table');
    return table;
  }

  #isHeaderList(value: unknown): value is Table[] {
    return Array.isArray(value) && this.#headerLists.has(value);
  }

  #appendTable(within: Table, key: Path): void {
    const { name } = split(key);
    if (within[name] === undefined) {
      const list: Table[] = [];
      this.#headerLists.add(list);
      within[name] = list;
    }
    const list = within[name];
    if (!this.#isHeaderList(list)) this.#refuse(key, 'is no list of [[tables]]');
    list.push(newTable());
  }

  #set(name: string, value: unknown): void {
    const key = [...this.#context, name];
    const table = this.#descend(this.#context);
    if (table[name] === undefined) {
      table[name] = value;
      return;
    }
    // The key was only implied until now. A table is kept, and a list replaces it.
    if (!this.#implicit.delete(nameOf(key))) this.#refuse(key, 'is set twice');
    if (this.#lists.has(nameOf(key))) table[name] = value;
  }

  #refuse(key: Path, what: string): never {
    throw new TomlConflict(`"${key.join('.')}" ${what}`, this.at);
  }
}

function newTable(): Table {
  return Object.create(null) as Table;
}

function split(key: Path): { readonly parent: Path; readonly name: string } {
  return { parent: key.slice(0, -1), name: key.at(-1) ?? '' };
}

function nameOf(key: Path): string {
  return JSON.stringify(key);
}
