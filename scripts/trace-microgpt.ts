/**
 * src/trace/microgpt-traced.ts: the algorithm of src/microgpt.ts with a report to a recorder beside every statement.
 * `npm run trace` writes it; a test compares it with the source. Reports are inserted on the lines of the source and add
 * none, so line n of one file is line n of the other. src/microgpt.ts itself stays a text without instruments.
 *
 *     const normed = rmsnorm(x);     →  $.at(140); const normed = rmsnorm(x); $.set("normed", normed);
 *     const add = (a, b) => sum;     →  const add = (a, b) => ($.enter("add", 65), $.set("a", a), …, $.leave(sum));
 *
 * `$.at` is a statement or a turn of a loop, `$.enter` and `$.leave` a call, `$.set` a variable's new value, `$.made` a
 * new Value. The file becomes a function of its recorder: there is no global recorder that two traces would share.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Node, Project, SyntaxKind } from "ts-morph";
import type { BindingName, FunctionDeclaration, MethodDeclaration, SourceFile, Statement } from "ts-morph";
import type { ArrowFunction, ConstructorDeclaration, ForOfStatement, ForStatement } from "ts-morph";

const HEADER =
  "// GENERATED from ../microgpt.ts by scripts/trace-microgpt.ts (npm run trace), line by line; do not edit. ";
const IMPORT = ' import type { Core, Recorder } from "./recorder.ts";';
const FUNCTION =
  "/** The algorithm of microgpt.ts, reporting each event to `$`. @returns what that file exports */ " +
  "export function tracedCore($: Recorder): Core {";

type Callable = FunctionDeclaration | MethodDeclaration | ArrowFunction;
type Loop = ForStatement | ForOfStatement;

const isCallable = (node: Node): node is Callable =>
  Node.isFunctionDeclaration(node) || Node.isMethodDeclaration(node) || Node.isArrowFunction(node);
const isLoop = (node: Node): node is Loop => Node.isForStatement(node) || Node.isForOfStatement(node);

/** Changes of a text, by position in the original. */
class Edits {
  readonly #edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];

  insert(at: number, text: string): void {
    this.#edits.push({ start: at, end: at, text });
  }

  remove(start: number, end: number): void {
    this.#edits.push({ start, end, text: "" });
  }

  /** Insertions at one position keep the order in which they came. */
  apply(source: string): string {
    let [text, last] = ["", 0];
    for (const edit of this.#edits.toSorted((a, b) => a.start - b.start)) {
      text += source.slice(last, edit.start) + edit.text;
      last = edit.end;
    }
    return text + source.slice(last);
  }
}

/** The text of src/microgpt.ts → the text of src/trace/microgpt-traced.ts. */
export function traced(source: string): string {
  const parsed = new Project({ useInMemoryFileSystem: true }).createSourceFile("microgpt.ts", source);
  const edits = new Edits();
  for (const node of wrapped(parsed, edits)) instrument(node, edits);
  return edits.apply(source);
}

/** Makes the file one function that returns the exports. Cuts the command after the last of them. @returns what is left. */
function wrapped(parsed: SourceFile, edits: Edits): Statement[] {
  const statements = parsed.getStatements();
  const exported = statements.filter((node) => Node.isExportable(node) && node.isExported());
  const last = statements.indexOf(exported.at(-1)!);
  for (const node of exported) {
    const start = node.getFirstDescendantByKindOrThrow(SyntaxKind.ExportKeyword).getStart();
    edits.remove(start, start + "export ".length);
  }
  const [random] = parsed.getImportDeclarations();
  edits.insert(0, HEADER);
  edits.insert(random.getModuleSpecifier().getStart() + 1, ".");
  edits.insert(random.getEnd(), IMPORT);
  edits.insert(random.getEnd() + 1, FUNCTION);
  edits.insert(
    statements[last].getEnd(),
    ` return { ${exported.flatMap(namesOf).join(", ")} } as unknown as Core; }\n`,
  );
  edits.remove(statements[last].getEnd(), parsed.getEnd());
  return statements.slice(0, last + 1);
}

/** The values that an export declares; types have none. */
function namesOf(node: Statement): string[] {
  if (Node.isVariableStatement(node)) return node.getDeclarations().map((declaration) => declaration.getName());
  return Node.isFunctionDeclaration(node) || Node.isClassDeclaration(node) ? [node.getNameOrThrow()] : [];
}

/** Adds the reports of a node and of all below it, outer ones first. */
function instrument(node: Node, edits: Edits): void {
  if (Node.isConstructorDeclaration(node)) {
    construct(node, edits);
    return;
  }
  if (isCallable(node)) call(node, edits);
  if (isLoop(node)) loop(node, edits);
  else if (Node.isStatement(node) && !Node.isBlock(node) && node.getFirstAncestor(isCallable)) statement(node, edits);
  node.forEachChild((child) => instrument(child, edits));
}

/** The constructor of Value reports the new one; that of Adam runs before a step. */
function construct(node: ConstructorDeclaration, edits: Edits): void {
  if (node.getParentIfKindOrThrow(SyntaxKind.ClassDeclaration).getName() !== "Value") return;
  edits.insert(node.getBodyOrThrow().getEnd() - 1, "$.made(this); ");
}

/** A function with a name is a call. One without, such as that of a `map`, reports its line: it belongs to its caller. */
function call(node: Callable, edits: Edits): void {
  const name = nameOf(node);
  const body = Node.isArrowFunction(node) ? node.getBody() : node.getBodyOrThrow();
  const variables = node.getParameters().flatMap((parameter) => variablesOf(parameter.getNameNode()));
  const begin = [name === null ? at(node) : `$.enter("${name}", ${node.getStartLineNumber()})`, ...sets(variables)];
  if (!Node.isBlock(body)) {
    edits.insert(body.getStart(), `(${begin.join(", ")}, ${name === null ? "" : "$.leave("}`);
    edits.insert(body.getEnd(), name === null ? ")" : "))");
    return;
  }
  edits.insert(body.getStart() + 1, ` ${begin.join("; ")};`);
  if (name === null) return;
  for (const result of body.getDescendantsOfKind(SyntaxKind.ReturnStatement)) {
    const value = result.getExpression();
    if (value === undefined || result.getFirstAncestor(isCallable) !== node) continue;
    edits.insert(value.getStart(), "$.leave(");
    edits.insert(value.getEnd(), ")");
  }
  if (!Node.isReturnStatement(body.getStatements().at(-1))) edits.insert(body.getEnd() - 1, "$.leave(undefined); ");
}

function nameOf(node: Callable): string | null {
  if (!Node.isArrowFunction(node)) return node.getName() ?? null;
  const parent = node.getParent();
  return Node.isVariableDeclaration(parent) ? parent.getName() : null;
}

/** Each turn of a loop reports its line and the loop's variables. */
function loop(node: Loop, edits: Edits): void {
  const initializer = node.getInitializer();
  const names = Node.isVariableDeclarationList(initializer)
    ? initializer.getDeclarations().flatMap((declaration) => variablesOf(declaration.getNameNode()))
    : [];
  const begin = `${[at(node), ...sets(names)].join("; ")};`;
  const body = node.getStatement();
  if (Node.isBlock(body)) edits.insert(body.getStart() + 1, ` ${begin}`);
  else brace(body, begin, "", edits);
}

/** Reports its line before and what it assigned after. One without braces around it shares the line of its parent. */
function statement(node: Statement, edits: Edits): void {
  const after = sets(assignedBy(node)).map((report) => ` ${report};`);
  if (Node.isBlock(node.getParent())) {
    edits.insert(node.getStart(), `${at(node)}; `);
    edits.insert(node.getEnd(), after.join(""));
  } else if (after.length > 0) brace(node, "", after.join(""), edits);
}

function brace(node: Statement, before: string, after: string, edits: Edits): void {
  edits.insert(node.getStart(), `{ ${before} `);
  edits.insert(node.getEnd(), `${after} }`);
}

/** What a statement gives a new value to, as source text; a function's name is not among them. */
function assignedBy(node: Statement): string[] {
  if (Node.isVariableStatement(node)) {
    const declarations = node.getDeclarations().filter((one) => !Node.isArrowFunction(one.getInitializer()));
    return declarations.flatMap((declaration) => variablesOf(declaration.getNameNode()));
  }
  const expression = Node.isExpressionStatement(node) ? node.getExpression() : undefined;
  if (!Node.isBinaryExpression(expression)) return [];
  return expression.getOperatorToken().getText().endsWith("=") ? [expression.getLeft().getText()] : [];
}

function variablesOf(name: BindingName): string[] {
  if (Node.isIdentifier(name)) return [name.getText()];
  const elements = name.getElements().filter((element) => Node.isBindingElement(element));
  return elements.flatMap((element) => variablesOf(element.getNameNode()));
}

const at = (node: Node): string => `$.at(${node.getStartLineNumber()})`;
const sets = (names: readonly string[]): string[] => names.map((name) => `$.set(${JSON.stringify(name)}, ${name})`);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = (name: string): URL => new URL(`../src/${name}`, import.meta.url);
  writeFileSync(path("trace/microgpt-traced.ts"), traced(readFileSync(path("microgpt.ts"), "utf8")));
}
