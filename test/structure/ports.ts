import ts from 'typescript';

/**
 * Returns the lines of a source text that name the type `Ports` as a whole. `Pick<Ports, …>` and
 * `Ports['…']` name parts of it.
 */
export function linesWithAllPorts(text: string): readonly number[] {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const lines: number[] = [];
  const visit = (node: ts.Node): void => {
    if (isAllPorts(node)) {
      lines.push(source.getLineAndCharacterOfPosition(node.getStart()).line + 1);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return lines;
}

function isAllPorts(node: ts.Node): boolean {
  if (ts.isExpressionWithTypeArguments(node)) return node.expression.getText() === 'Ports';
  if (!ts.isTypeReferenceNode(node) || node.typeName.getText() !== 'Ports') return false;
  const { parent } = node;
  return !ts.isIndexedAccessTypeNode(parent) && !parent.getText().startsWith('Pick<');
}
