/** A section of a git config file, such as `section.subsection.name = value`. */
export interface GitConfigSection {
  readonly section: string;
  readonly subsection?: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
}

/**
 * Formats a git config file. The file is written directly and not with `git config`, so that no
 * token appears in the arguments of a process. Source: git-config(1), "Syntax".
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

/**
 * Escapes a name. The syntax has no escape for a line end here, and valid URLs and paths contain
 * none.
 */
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
