/** The counts of all tokenizers side by side. */
import { html } from "lit";
import type { TemplateResult } from "lit";
import { visibleSpaces } from "../../widgets/visible-spaces.ts";
import type { KindEncoding } from "./tokens-protocol.ts";
import { whole } from "../../widgets/numbers.ts";

/** A table with a row for each tokenizer. */
export const countsTable = (encodings: readonly KindEncoding[]): TemplateResult => html`
  <div class="scroll" tabindex="0" role="region" aria-label="Counts by tokenizer">
    <table>
      <thead>
        <tr>
          <th scope="col">tokenizer</th>
          <th scope="col" class="number">tokens</th>
          <th scope="col" class="number">bytes per token</th>
          <th scope="col" class="number">distinct tokens</th>
          <th scope="col" class="number">vocabulary</th>
          <th scope="col">unknown pieces</th>
        </tr>
      </thead>
      <tbody>
        ${encodings.map(
          (one) =>
            html`<tr>
              <th scope="row">${one.kind}</th>
              <td class="number">${whole(one.tokens)}</td>
              <td class="number">${one.tokens === 0 ? "–" : (one.bytes / one.tokens).toFixed(2)}</td>
              <td class="number">${whole(one.distinct)}</td>
              <td class="number">${whole(one.vocabSize)}</td>
              <td>${unknownOf(one)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>
`;

const MAX_NAMED = 6;

function unknownOf({ unknown }: KindEncoding): TemplateResult {
  if (unknown.length === 0) return html`none`;
  const total = unknown.reduce((sum, [, count]) => sum + count, 0);
  const named = unknown.slice(0, MAX_NAMED).map(([piece]) => html`<code>${visibleSpaces(piece)}</code> `);
  return html`${total}: ${named}${unknown.length > MAX_NAMED ? "…" : ""}`;
}

/** The most frequent tokens of one tokenizer. */
export const frequentTable = ({ kind, frequent }: KindEncoding): TemplateResult => html`
  <div class="scroll frequent" tabindex="0" role="region" aria-label="Most frequent tokens of ${kind}">
    <table>
      <thead>
        <tr>
          <th scope="col">token</th>
          <th scope="col" class="number">id</th>
          <th scope="col">bytes</th>
          <th scope="col" class="number">count</th>
        </tr>
      </thead>
      <tbody>
        ${frequent.map(
          ({ display, id, bytes, count }) =>
            html`<tr>
              <td><code>${visibleSpaces(display)}</code></td>
              <td class="number">${id}</td>
              <td><code>${bytes}</code></td>
              <td class="number">${count}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>
`;
