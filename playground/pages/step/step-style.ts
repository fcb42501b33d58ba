/** The layout of the page of one step: two columns, and one on a narrow screen. */
import { css } from "lit";
import type { CSSResult } from "lit";

/** Styles of the page alone. */
export const stepStyle: CSSResult = css`
  form.row {
    margin-bottom: 12px;
    align-items: end;
  }
  .bar {
    position: sticky;
    top: 0;
    z-index: 2;
    display: grid;
    gap: 8px;
    margin-bottom: var(--gap);
  }
  .columns {
    display: grid;
    gap: var(--gap);
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    align-items: start;
  }
  .side {
    display: grid;
    gap: var(--gap);
    grid-template-columns: minmax(0, 1fr);
    min-width: 0;
  }
  @media (max-width: 900px) {
    .columns {
      grid-template-columns: minmax(0, 1fr);
    }
    .side {
      --source-height: 240px;
    }
    .bar {
      position: static;
    }
  }
`;
