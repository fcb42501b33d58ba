/** What `GET /metrics` says, in Prometheus's text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */

/** Upper bounds of the histogram of first tokens, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts of a server. It keeps nothing of what was asked or answered. */
export class Metrics {
  /** Tokens of all prompts. */
  promptTokens = 0;
  /** Tokens that were generated. */
  generatedTokens = 0;
  readonly #requests = new Map<string, number>();
  readonly #firstTokens = new Array<number>(BOUNDS.length + 1).fill(0);
  #firstTokenSeconds = 0;

  /** Counts an answered request. @param path of the route, not of the request. */
  countRequest(path: string, status: number): void {
    const labels = `path="${path}",status="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
  }

  /** Counts the time from a request to its first token. */
  countFirstToken(seconds: number): void {
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
    this.#firstTokens[bucket < 0 ? BOUNDS.length : bucket]++;
    this.#firstTokenSeconds += seconds;
  }

  /** The text of the answer. */
  text(running: number, waiting: number): string {
    return [
      ...series("requests_total", "counter", "requests answered", this.#requests),
      ...series("prompt_tokens_total", "counter", "tokens of all prompts", new Map([["", this.promptTokens]])),
      ...series("generated_tokens_total", "counter", "tokens generated", new Map([["", this.generatedTokens]])),
      ...series("completions_running", "gauge", "completions that are generated now", new Map([["", running]])),
      ...series("completions_waiting", "gauge", "completions that wait", new Map([["", waiting]])),
      ...this.#histogram(),
      "",
    ].join("\n");
  }

  #histogram(): string[] {
    const name = "microgpt_first_token_seconds";
    let total = 0;
    const buckets = this.#firstTokens.map((count, i) => {
      total += count;
      return `${name}_bucket{le="${BOUNDS[i] ?? "+Inf"}"} ${total}`;
    });
    const head = [`# HELP ${name} seconds from a request to its first token`, `# TYPE ${name} histogram`];
    return [...head, ...buckets, `${name}_sum ${this.#firstTokenSeconds}`, `${name}_count ${total}`];
  }
}

/** The lines of one metric: labels → value. */
function series(name: string, type: string, help: string, values: ReadonlyMap<string, number>): string[] {
  const lines = [...values].map(([labels, value]) => `microgpt_${name}${labels === "" ? "" : `{${labels}}`} ${value}`);
  return [`# HELP microgpt_${name} ${help}`, `# TYPE microgpt_${name} ${type}`, ...lines];
}
