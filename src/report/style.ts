/** The style sheet of a report: light and dark, wide and narrow, on paper. Colours are declared once per theme. */
export const STYLE = `
:root {
  color-scheme: light;
  --page: #fbfbfa; --card: #ffffff; --ink: #1d1f21; --muted: #63686e; --line: #e2e2de; --accent: #0b64a8;
  --sure: 11, 100, 168; --unsure: 213, 94, 0;
}
:root[data-theme="dark"] {
  color-scheme: dark;
  --page: #15171a; --card: #1d2024; --ink: #e7e8ea; --muted: #9aa0a8; --line: #32363c; --accent: #6ab4ef;
  --sure: 86, 180, 233; --unsure: 240, 140, 40;
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
header { display: flex; justify-content: space-between; gap: 16px; align-items: start; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 36px 0 4px; }
h3 { font-size: 14px; margin: 0 0 6px; overflow-wrap: anywhere; }
p { margin: 0 0 10px; }
.muted, figcaption { color: var(--muted); font-size: 13px; }
button, select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 3px 10px; cursor: pointer; }
button:focus-visible, select:focus-visible, input:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px; }
.scroll { overflow: auto; max-height: 70vh; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13.5px; }
th, td { text-align: left; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody tr:last-child > td { border-bottom: 0; }
th { position: sticky; top: 0; background: var(--card); z-index: 1; padding: 0 4px; }
th button { border: 0; background: none; padding: 6px; font-weight: 600; font-size: 12.5px; color: var(--muted); }
th[aria-sort] button { color: var(--ink); }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
td.number, th.number { text-align: right; }
td.failure { white-space: normal; color: var(--muted); min-width: 220px; }
tr.hidden td { color: var(--muted); }
label.run { display: flex; gap: 8px; align-items: center; cursor: pointer; }
.swatch { width: 22px; height: 0; border-top: 3px solid; flex: none; }
.controls { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin: 6px 0 10px; font-size: 13.5px; }
.chart { position: relative; min-height: 40px; }
.readout { font-size: 13px; font-variant-numeric: tabular-nums; display: flex; flex-wrap: wrap; gap: 2px 16px; min-height: 40px; color: var(--muted); }
.readout b { color: var(--ink); font-weight: 600; }
.readout span { display: inline-flex; gap: 6px; align-items: center; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 16px; }
figure { margin: 0; }
.bar { display: grid; grid-template-columns: minmax(90px, 160px) 1fr 48px; gap: 10px; align-items: center; margin: 4px 0 0; font-variant-numeric: tabular-nums; }
.bar > i { height: 12px; border-radius: 3px; background: var(--accent); min-width: 2px; }
.levels { margin: 0 0 10px; font-size: 13px; color: var(--muted); font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
h3 { padding-top: 5px; }
.columns { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(230px, 1fr); gap: 14px; overflow-x: auto; padding-bottom: 6px; }
.columns ol { margin: 0; padding: 0 0 0 26px; font-size: 13.5px; }
.columns li { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 3px; }
.columns li small { color: var(--muted); }
.columns li::marker { color: var(--muted); font-size: 12px; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14px; }
.text i { font-style: normal; color: var(--muted); }
.text mark { color: inherit; border-radius: 3px; padding: 1px 0; }
mark.p0 { background: rgba(var(--unsure), .55); } mark.p1 { background: rgba(var(--unsure), .28); }
mark.p2 { background: none; } mark.p3 { background: rgba(var(--sure), .2); } mark.p4 { background: rgba(var(--sure), .42); }
.legend mark { padding: 1px 6px; border-radius: 3px; color: inherit; margin-right: 6px; }
.prompt { margin-top: 16px; }
@media (max-width: 560px) { main { padding: 16px 12px 40px; } h1 { font-size: 21px; } }
@media print { button, .controls { display: none; } .scroll { max-height: none; overflow: visible; } body { background: #fff; } }
`;
