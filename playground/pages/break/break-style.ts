/** The layout of the page that breaks the algorithm. */
import { css } from "lit";
import type { CSSResult } from "lit";

/** Styles of the page alone. */
export const breakStyle: CSSResult = css`
  nav {
    margin-bottom: var(--gap);
    gap: 6px;
  }
  nav a {
    border: 1px solid var(--line);
    border-radius: 7px;
    padding: 5px 11px;
    background: var(--card);
    color: var(--ink);
    text-decoration: none;
  }
  nav a[aria-current="true"] {
    background: var(--accent-soft);
    border-color: var(--accent);
    font-weight: 600;
  }
  section {
    margin-bottom: var(--gap);
  }
  .diff {
    border: 1px solid var(--line);
    border-radius: 7px;
    padding: 6px 8px;
  }
  .diff td {
    border: 0;
    padding: 0 8px 0 0;
    white-space: pre;
    font-size: 12.5px;
  }
  .removed td {
    color: var(--bad);
  }
  .added td {
    color: var(--good);
    font-weight: 600;
  }
  .primary:disabled {
    background: var(--sunken);
    border-color: var(--line);
  }
  .predict {
    margin-top: 14px;
    display: flex;
    flex-wrap: wrap;
    gap: 10px 14px;
    align-items: end;
  }
  fieldset {
    border: 0;
    padding: 0;
    margin: 0;
    display: flex;
    flex-wrap: wrap;
    gap: 4px 16px;
  }
  legend {
    padding: 0;
    margin-bottom: 4px;
    font-weight: 600;
  }
  progress {
    width: 100%;
    accent-color: var(--accent);
  }
`;
