import { createNeedleSkip, type NeedleSkip } from './needle-skip.ts';

/**
 * Finds many phrases in one pass over bytes (Aho and Corasick, 1975). States are numbers, 0 is the
 * start. Built in time and memory linear in the length of the phrases, whatever they contain.
 */
export interface PhraseAutomaton {
  /** Returns the state after one more byte. Linear over a whole text. */
  next(state: number, byte: number): number;
  /**
   * In the start state, passes over bytes among which no phrase begins. The state stays the same.
   */
  readonly skip: NeedleSkip;
  /** For each state, how many of the last bytes are the beginning of a phrase. */
  readonly depths: Int32Array;
  /** For each state, the length of the longest phrase that ends here; 0 when none does. */
  readonly matchLengths: Int32Array;
  /** Returns the bytes that lead from the start to a state, as many as its depth. */
  pathTo(state: number): Uint8Array;
}

const ROOT = 0;

/**
 * Creates the automaton. Empty phrases are ignored. `fold` says what each byte of the text counts as
 * for `skip`; `next` expects bytes that are folded already, as those of the phrases are.
 */
export function createPhraseAutomaton(
  texts: readonly Uint8Array[],
  fold?: Uint8Array,
): PhraseAutomaton {
  const phrases = texts.filter(({ length }) => length > 0);
  const total = phrases.reduce((sum, { length }) => sum + length, 0);
  const edges = createEdges(total, phrases.length);
  const trie = growTrie(phrases, total, edges);
  const firstStates = Int32Array.from({ length: 256 }, (_, byte) => edges.find(ROOT, byte));
  const { parents, bytes, depths, matchLengths } = trie;
  const fails = linkFailures(trie, { edges, firstStates });

  const next = (state: number, byte: number): number => {
    let from = state;
    while (from !== ROOT) {
      const to = edges.find(from, byte);
      if (to !== ROOT) return to;
      from = fails[from] ?? ROOT;
    }
    return firstStates[byte] ?? ROOT;
  };
  const pathTo = (state: number): Uint8Array => {
    const path = new Uint8Array(depths[state] ?? 0);
    let from = state;
    for (let i = path.length - 1; i >= 0; i--) {
      path[i] = bytes[from] ?? 0;
      from = parents[from] ?? ROOT;
    }
    return path;
  };
  return { next, skip: createNeedleSkip(phrases, fold), depths, matchLengths, pathTo };
}

interface Trie {
  readonly size: number;
  readonly parents: Int32Array;
  readonly bytes: Uint8Array;
  readonly depths: Int32Array;
  readonly matchLengths: Int32Array;
}

function growTrie(phrases: readonly Uint8Array[], total: number, edges: Edges): Trie {
  const parents = new Int32Array(total + 1);
  const bytes = new Uint8Array(total + 1);
  const depths = new Int32Array(total + 1);
  const matchLengths = new Int32Array(total + 1);
  let size = 1;
  for (const phrase of phrases) {
    let state = ROOT;
    for (const byte of phrase) {
      let to = edges.find(state, byte);
      if (to === ROOT) {
        to = size++;
        edges.add(state, byte, to);
        parents[to] = state;
        bytes[to] = byte;
        depths[to] = (depths[state] ?? 0) + 1;
      }
      state = to;
    }
    if (state !== ROOT) matchLengths[state] = phrase.length;
  }
  return { size, parents, bytes, depths, matchLengths };
}

interface Lookup {
  readonly edges: Edges;
  readonly firstStates: Int32Array;
}

/**
 * For each state, the state of its longest suffix that also begins a phrase. Shallow states come
 * first.
 */
function linkFailures(trie: Trie, { edges, firstStates }: Lookup): Int32Array {
  const { size, parents, bytes, depths, matchLengths } = trie;
  const fails = new Int32Array(size);
  for (const state of statesByDepth(depths, size)) {
    if (entry(depths, state) < 2) continue;
    const byte = entry(bytes, state);
    let from = entry(fails, entry(parents, state));
    let to = edges.find(from, byte);
    while (to === ROOT && from !== ROOT) {
      from = entry(fails, from);
      to = from === ROOT ? entry(firstStates, byte) : edges.find(from, byte);
    }
    fails[state] = to;
    if (matchLengths[state] === 0) matchLengths[state] = entry(matchLengths, to);
  }
  return fails;
}

function entry(table: Int32Array | Uint8Array, index: number): number {
  return table[index] ?? 0;
}

function statesByDepth(depths: Int32Array, size: number): Int32Array {
  const places = new Int32Array(size + 1);
  for (let state = 0; state < size; state++) {
    const place = (depths[state] ?? 0) + 1;
    places[place] = (places[place] ?? 0) + 1;
  }
  for (let i = 1; i <= size; i++) places[i] = (places[i] ?? 0) + (places[i - 1] ?? 0);
  const states = new Int32Array(size);
  for (let state = 0; state < size; state++) {
    const depth = depths[state] ?? 0;
    const place = places[depth] ?? 0;
    states[place] = state;
    places[depth] = place + 1;
  }
  return states;
}

/** Edges of the trie. */
interface Edges {
  /**
   * Returns the state that the edge leads to; 0 when there is no such edge, because no edge leads
   * to the start.
   */
  find(state: number, byte: number): number;
  add(state: number, byte: number, to: number): void;
}

const NO_BYTE = -1;

/**
 * Most states have one edge, to the state created right after them; one byte each is enough for
 * these. The other edges, at most one for each phrase, are in a hash table. Rows of 256 entries
 * would waste memory.
 */
function createEdges(stateCount: number, phraseCount: number): Edges {
  const chain = new Int16Array(stateCount + 1).fill(NO_BYTE);
  const branches = createBranches(phraseCount);
  return {
    find: (state, byte) => (chain[state] === byte ? state + 1 : branches.find(state, byte)),
    add: (state, byte, to) => {
      if (to === state + 1 && chain[state] === NO_BYTE) chain[state] = byte;
      else branches.add(state, byte, to);
    },
  };
}

function createBranches(count: number): Edges {
  const bits = Math.max(4, 33 - Math.clz32(count));
  const mask = (1 << bits) - 1;
  const shift = 32 - bits;
  const states = new Int32Array(1 << bits);
  const bytes = new Uint8Array(1 << bits);
  const targets = new Int32Array(1 << bits);
  const slotOf = (state: number, byte: number): number => {
    let slot = Math.imul((state << 8) ^ byte ^ (state >>> 16), 0x9e3779b1) >>> shift;
    while (targets[slot] !== 0 && (states[slot] !== state || bytes[slot] !== byte)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  };
  return {
    find: (state, byte) => targets[slotOf(state, byte)] ?? ROOT,
    add: (state, byte, to) => {
      const slot = slotOf(state, byte);
      states[slot] = state;
      bytes[slot] = byte;
      targets[slot] = to;
    },
  };
}
