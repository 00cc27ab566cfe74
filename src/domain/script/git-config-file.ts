/** One line of a section: what git calls `section.subsection.name = value`. */
export interface GitConfigSection {
  readonly section: string;
  readonly subsection?: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
}

/**
 * Content of a git config file. Written by us and not by `git config`, so that no token stands in
 * the arguments of a process. Source: git-config(1), "Syntax".
 */
export function formatGitConfig(sections: readonly GitConfigSection[]): string {
  return sections
    .map(({ section, subsection, entries }) => {
      const head = subsection === undefined ? section : `${section} "${escapeName(subsection)}"`;
      const lines = entries.map(([name, value]) => `\t${name} = "${escapeValue(value)}"\n`);
      return `[${head}]\n${lines.join('')}`;
    })
    .join('');
}

/** A line end cannot be written there; a URL or a path that holds one is none. */
function escapeName(text: string): string {
  return text.replace(/[\r\n\0]/g, '').replace(/["\\]/g, '\\$&');
}

function escapeValue(text: string): string {
  return text
    .replace(/[\r\0]/g, '')
    .replace(/["\\]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t');
}
