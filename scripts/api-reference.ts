/**
 * docs/api.md: every name that the package exports, with its declaration and its doc comment. `npm run docs` writes it; a
 * test compares it with the code, so that each change of the public interface shows up in a diff.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Node, Project, SyntaxKind } from "ts-morph";
import type { ExportedDeclarations, JSDocableNode, SourceFile } from "ts-morph";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The package's entry points and the files behind them. */
const ENTRIES = [
  ["microgpt", "src/index.ts", "In Node the same names, from `src/index-node.ts`."],
  ["microgpt/node", "src/node/index.ts", "What Node adds."],
  ["microgpt/core", "src/microgpt.ts", "The algorithm itself, in one file."],
  ["microgpt/random", "src/random.ts", "CPython's generator."],
] as const;

/** The source files, parsed. */
export function openProject(): Project {
  const project = new Project({ tsConfigFilePath: `${root}/tsconfig.json`, skipAddingFilesFromTsConfig: true });
  project.addSourceFilesAtPaths(`${root}/src/**/*.ts`);
  return project;
}

/** Names of exports, and of members of exported types, that have no doc comment: `file:line name`. */
export function undocumented(files: readonly SourceFile[]): string[] {
  const missing: string[] = [];
  const visit = (node: Node & { getName?: () => string | undefined }): void => {
    const line = `${node.getSourceFile().getFilePath().slice(root.length)}:${node.getStartLineNumber()}`;
    if (!isDocumented(node)) missing.push(`${line} ${node.getName?.() ?? node.getKindName()}`);
    for (const member of membersOf(node)) visit(member);
  };
  for (const file of files) {
    for (const declarations of file.getExportedDeclarations().values()) {
      for (const declaration of declarations) if (declaration.getSourceFile() === file) visit(declaration);
    }
  }
  return missing;
}

const documented = (node: Node): node is Node & JSDocableNode => Node.isJSDocable(node);

function isDocumented(node: Node): boolean {
  const holder = Node.isVariableDeclaration(node) ? node.getVariableStatement() : node;
  if (holder === undefined) return false;
  if (documented(holder) && holder.getJsDocs().length > 0) return true;
  if (Node.isFunctionDeclaration(holder) && holder.getOverloads().some((one) => one.getJsDocs().length > 0))
    return true;
  // A method that implements an interface has its doc comment there, a getter without a body of its own likewise.
  const parent = holder.getParent();
  return Node.isClassDeclaration(parent) && parent.getImplements().length > 0 && Node.isMethodDeclaration(holder);
}

/** The members of a declared type, one level after another; private ones are nobody's business. */
function membersOf(node: Node): Node[] {
  if (Node.isInterfaceDeclaration(node)) return node.getMembers();
  if (Node.isTypeAliasDeclaration(node)) return membersOf(node.getTypeNodeOrThrow());
  if (Node.isTypeLiteral(node)) return node.getMembers();
  if (Node.isPropertySignature(node)) return node.getTypeNode() === undefined ? [] : membersOf(node.getTypeNode()!);
  if (Node.isIntersectionTypeNode(node)) return node.getTypeNodes().flatMap(membersOf);
  if (!Node.isClassDeclaration(node)) return [];
  return node.getMembers().filter((member) => {
    if (Node.isConstructorDeclaration(member)) return member.getParameters().length > 0 && !isHidden(member);
    return !isHidden(member) && !("getName" in member && member.getName().startsWith("#"));
  });
}

const isHidden = (node: Node): boolean =>
  Node.isModifierable(node) &&
  (node.hasModifier(SyntaxKind.PrivateKeyword) || node.hasModifier(SyntaxKind.OverrideKeyword));

/** The reference of all entry points as Markdown. */
export function apiReference(project: Project): string {
  const chapters = ENTRIES.map(([entry, path, about]) => {
    const exported = [...project.getSourceFileOrThrow(`${root}/${path}`).getExportedDeclarations()];
    const sections = exported
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, declarations]) => section(name, declarations));
    return `## ${entry}\n\n${about}\n\n${sections.join("\n")}`;
  });
  const head =
    "# API reference\n\nMade from the doc comments by `npm run docs`; [library.md](library.md) is the guide. A test compares" +
    " this page with the code.\n\n";
  return `${head}${chapters.join("\n")}`;
}

function section(name: string, declarations: readonly ExportedDeclarations[]): string {
  const text = declarations.map((declaration) => {
    const holder = Node.isVariableDeclaration(declaration) ? declaration.getVariableStatementOrThrow() : declaration;
    const docs = documented(holder) ? holder.getJsDocs().map((doc) => withExample(doc.getInnerText().trim())) : [];
    return `${docs.join("\n\n")}\n\n\`\`\`ts\n${signature(declaration)}\n\`\`\`\n`;
  });
  return `### ${name}\n\n${text.join("\n")}`;
}

/** The text of a doc comment; the code behind `@example` is fenced. */
function withExample(text: string): string {
  const [words, ...examples] = text.split(/^@example\n/m);
  const fenced = examples.map((code) => `Example:\n\n\`\`\`ts\n${code.trim()}\n\`\`\``);
  return [words.trim(), ...fenced].join("\n\n");
}

/** A declaration without bodies, initial values and private members. */
function signature(declaration: Node): string {
  if (Node.isVariableDeclaration(declaration)) {
    const type = declaration.getTypeNode()?.getText() ?? declaration.getType().getText(declaration);
    return `const ${declaration.getName()}: ${type}`;
  }
  if (Node.isFunctionDeclaration(declaration))
    return withoutBody(declaration.getText(), declaration.getBody()?.getText());
  if (!Node.isClassDeclaration(declaration)) return declaration.getText().replace(/^export /, "");
  const members = membersOf(declaration).map((member) => {
    const body = Node.isBodied(member) || Node.isBodyable(member) ? member.getBody()?.getText() : undefined;
    const docs = documented(member) ? member.getJsDocs().map((doc) => `  ${doc.getText()}\n`) : [];
    const text = Node.isPropertyDeclaration(member)
      ? member.getText().replace(/ = [^]*$/, ";")
      : withoutBody(member.getText(), body);
    return `${docs.join("")}  ${text}`;
  });
  const bases = [declaration.getExtends()?.getText(), ...declaration.getImplements().map((one) => one.getText())];
  const named = bases.filter((base) => base !== undefined).join(", ");
  return `class ${declaration.getName()}${named === "" ? "" : ` extends ${named}`} {\n${members.join("\n")}\n}`;
}

const withoutBody = (text: string, body: string | undefined): string =>
  (body === undefined ? text : text.slice(0, text.lastIndexOf(body)).trimEnd()).replace(/^export /, "");

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(`${root}/docs/api.md`, apiReference(openProject()));
