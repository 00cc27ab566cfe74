import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import ts from 'typescript';

/** A name that a file exports. */
export interface ExportedName {
  readonly file: string;
  readonly name: string;
  readonly isDocumented: boolean;
  /** False for a type, which may be exported only because it belongs to a function's signature. */
  readonly isValue: boolean;
}

/** The names that one file exports, and those that it imports. */
export interface FileExports {
  readonly exported: readonly ExportedName[];
  /** `<file>#<name>` of each name that it imports; `*` for all names of a file. */
  readonly imported: ReadonlySet<string>;
}

/** Reads the exports and imports of a file from its syntax alone. */
export async function readExports(file: string): Promise<FileExports> {
  const text = await readFile(file, 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const imported = new Set<string>();
  collectImports(source, imported);
  const exported = source.statements.filter(isExported).flatMap((statement) => {
    const isDocumented = ts.getJSDocCommentsAndTags(statement).length > 0;
    const isValue = !ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement);
    return namesOf(statement).map((name) => ({ file, name, isDocumented, isValue }));
  });
  return { exported, imported };
}

function isExported(statement: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false)
  );
}

function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const { name } = statement as ts.DeclarationStatement;
  return name === undefined ? [] : [name.text];
}

function collectImports(node: ts.Node, found: Set<string>): void {
  const isStatic = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
  if (isStatic && node.moduleSpecifier !== undefined) {
    const file = resolvedFile(node, node.moduleSpecifier);
    for (const name of takenNames(node)) found.add(`${file}#${name}`);
  }
  // A file that is imported dynamically, or by the type of its module, may use all names.
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments;
    if (specifier !== undefined) found.add(`${resolvedFile(node, specifier)}#*`);
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    found.add(`${resolvedFile(node, node.argument.literal)}#*`);
  }
  node.forEachChild((child) => collectImports(child, found));
}

function takenNames(node: ts.ImportDeclaration | ts.ExportDeclaration): readonly string[] {
  const bindings = ts.isImportDeclaration(node)
    ? node.importClause?.namedBindings
    : node.exportClause;
  if (bindings === undefined) return ts.isExportDeclaration(node) ? ['*'] : [];
  if (ts.isNamespaceImport(bindings) || ts.isNamespaceExport(bindings)) return ['*'];
  return bindings.elements.map(({ propertyName, name }) => (propertyName ?? name).text);
}

function resolvedFile(node: ts.Node, specifier: ts.Node): string {
  const path = ts.isStringLiteralLike(specifier) ? specifier.text : '';
  const file = resolve(dirname(node.getSourceFile().fileName), path);
  // Scripts import compiled files.
  return file.replace(/\/dist\/(.*)\.js$/, '/$1.ts');
}

/** Returns the exported values that none of these files imports. */
export function unusedValues(files: readonly FileExports[]): readonly ExportedName[] {
  const taken = new Set(files.flatMap(({ imported }) => [...imported]));
  return files
    .flatMap(({ exported }) => exported)
    .filter(({ isValue }) => isValue)
    .filter(({ file, name }) => !taken.has(`${file}#${name}`) && !taken.has(`${file}#*`));
}
