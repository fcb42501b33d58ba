/** The styles that every element of the playground shares: headings, buttons, fields, cards, tables. */
import { css, unsafeCSS } from "lit";
import type { CSSResult } from "lit";
import controls from "./controls.css?inline";

/** First in the `styles` of every element. */
export const shared: CSSResult = css`
  :host {
    display: block;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3 {
    line-height: 1.25;
    margin: 0 0 6px;
    overflow-wrap: anywhere;
  }
  h1 {
    font-size: 26px;
  }
  h2 {
    font-size: 18px;
  }
  h3 {
    font-size: 15px;
  }
  p {
    margin: 0 0 10px;
    max-width: 72ch;
  }
  a {
    color: var(--accent);
  }
  code,
  pre,
  .mono {
    font-family: var(--mono);
    font-size: 0.93em;
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: 13px;
  }
  .number {
    text-align: right;
    font-variant-numeric: tabular-nums;
  }
  .card {
    background: var(--card);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    padding: 14px 16px;
    min-width: 0;
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    gap: 8px 12px;
    align-items: center;
  }
  .grid {
    display: grid;
    gap: var(--gap);
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr));
  }
  .scroll {
    overflow: auto;
    max-width: 100%;
  }
  ${unsafeCSS(controls)}
  input[type="range"] {
    padding: 0;
    accent-color: var(--accent);
  }
  input[type="checkbox"],
  input[type="radio"] {
    min-height: 0;
    accent-color: var(--accent);
  }
  textarea {
    width: 100%;
    font-family: var(--mono);
    font-size: 13.5px;
  }
  label.field {
    display: inline-flex;
    flex-direction: column;
    gap: 2px;
    font-size: 13px;
    color: var(--muted);
  }
  label.field > * {
    color: var(--ink);
    font-size: 15px;
  }
  table {
    border-collapse: collapse;
    font-variant-numeric: tabular-nums;
    font-size: 14px;
  }
  th,
  td {
    text-align: left;
    padding: 4px 10px 4px 0;
    border-bottom: 1px solid var(--line);
    vertical-align: top;
  }
  th {
    color: var(--muted);
    font-weight: 600;
    font-size: 13px;
  }
  details > summary {
    cursor: pointer;
    color: var(--muted);
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;
