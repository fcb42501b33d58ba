/**
 * The pages of the playground and their addresses. The address is in the hash, so that the site works from any folder of
 * any static host: `#/play`, or `#/play?…` with the parameters of a link (`link.ts`).
 */

import { quote } from "../../src/errors.ts";

/** A page. */
export interface Route {
  /** Its address after `#/`. */
  readonly path: string;
  /** Its name in the navigation. */
  readonly title: string;
  /** What a visitor does there, in one sentence. */
  readonly summary: string;
  /** What of a link it reads, besides its path. */
  readonly reads: readonly ("rest" | "parameters")[];
  /** Its custom element. */
  readonly tag: `mg-${string}-page`;
  /** Loads the module that defines the element. */
  readonly load: () => Promise<unknown>;
}

/** Every page, in the order of the navigation; the first is the start page. */
export const ROUTES: readonly [Route, ...Route[]] = [
  {
    path: "play",
    title: "Play",
    summary: "Train a GPT in this page and watch it learn.",
    reads: ["parameters"],
    tag: "mg-play-page",
    load: () => import("../pages/play/play-page.ts"),
  },
  {
    path: "step",
    title: "One step",
    summary: "One training step in slow motion, down to each number.",
    reads: [],
    tag: "mg-step-page",
    load: () => import("../pages/step/step-page.ts"),
  },
  {
    path: "inside",
    title: "Look inside",
    summary: "Attention, embeddings, weights, and why the model chose a token.",
    reads: [],
    tag: "mg-inside-page",
    load: () => import("../pages/inside/inside-page.ts"),
  },
  {
    path: "tokens",
    title: "Tokens",
    summary: "Your text through four tokenizers, merge by merge.",
    reads: [],
    tag: "mg-tokens-page",
    load: () => import("../pages/tokens/tokens-page.ts"),
  },
  {
    path: "compare",
    title: "Compare",
    summary: "Two to eight trainings side by side.",
    reads: [],
    tag: "mg-compare-page",
    load: () => import("../pages/compare/compare-page.ts"),
  },
  {
    path: "break",
    title: "Break it",
    summary: "Remove one line of the algorithm, predict what happens, then see.",
    reads: ["rest"],
    tag: "mg-break-page",
    load: () => import("../pages/break/break-page.ts"),
  },
  {
    path: "learn",
    title: "Learn",
    summary: "The whole algorithm in ten short chapters, from counting letter pairs to sampling.",
    reads: ["rest"],
    tag: "mg-learn-page",
    load: () => import("../pages/learn/learn-page.ts"),
  },
];

/** Where a visitor is: the page, what follows its path (such as a chapter), and the parameters of the link. */
export interface Address {
  readonly route: Route;
  /** Path below the page, such as `attention` of `#/learn/attention`; "" for none. */
  readonly rest: string;
  readonly parameters: URLSearchParams;
  /** What the link holds and the page does not read, a sentence each. */
  readonly ignored: readonly string[];
}

/** Names of parameters in a sentence. */
const MAX_NAMES = 8;

/** Reads a hash. An unknown page is the start page: a wrong link never breaks the site. */
export function addressOf(hash: string): Address {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [first, ...others] = path.split("/");
  const route = ROUTES.find((known) => known.path === first);
  const [shown, rest, parameters] = [route ?? ROUTES[0], others.join("/"), new URLSearchParams(query)];
  const unknown =
    route === undefined && first !== "" ? [`there is no page ${quote(first)}; this is ${shown.title}`] : [];
  return { route: shown, rest, parameters, ignored: [...unknown, ...unreadBy(shown, rest, parameters)] };
}

/** What a page does not read, a sentence each. */
function unreadBy({ title, reads }: Route, rest: string, parameters: URLSearchParams): string[] {
  const sentences = rest === "" || reads.includes("rest") ? [] : [`${title} has no part ${quote(rest)}`];
  const names = [...new Set(parameters.keys())].map((name) => quote(name));
  if (names.length === 0 || reads.includes("parameters")) return sentences;
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  const list = names.slice(0, MAX_NAMES).join(", ") + more;
  return [...sentences, `${title} does not read ${list}; Play trains the model of a link`];
}
