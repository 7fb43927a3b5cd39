/** The style sheet of a report. Text on colours has a contrast of at least 4.5; blue and orange differ for everyone, the colour-blind included. */

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --panel: #f6f8fa; --link: #0550ae;
  --l1: #dbe9f9; --l2: #a9cdf0; --l3: #69a5dd; --l4: #2f74b8; --l5: #0d3f78; --on-dark: #ffffff;
  --served: #2f74b8; --refused: #c2510c; --gap: #b43c06; --gap-paper: #fff3ea;
  --high: #a40e26; --high-paper: #ffebee; --medium: #8a4600; --medium-paper: #fff4e5; --low: #44546a; --low-paper: #eef1f5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --ink: #e4e8ee; --soft: #a3adba; --line: #323a45; --panel: #1a2029; --link: #79b8ff;
    --l1: #16304d; --l2: #1d4c7d; --l3: #2f77ba; --l4: #74b2ea; --l5: #c3e0fb; --on-dark: #12161c;
    --served: #4c97dd; --refused: #f08c4a; --gap: #f59b63; --gap-paper: #36200f;
    --high: #ff9aa5; --high-paper: #3c141a; --medium: #f3b562; --medium-paper: #372608; --low: #b4c0d0; --low-paper: #232b36;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; -webkit-text-size-adjust: 100%; }
body { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
a { color: var(--link); text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 20px; line-height: 1.3; margin: 0 0 4px; letter-spacing: -0.005em; }
h3 { font-size: 15px; margin: 24px 0 4px; }
p { margin: 0 0 12px; max-width: 96ch; }
header p { color: var(--soft); margin: 0; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); padding-top: 24px; margin-top: 40px; }
.note { color: var(--soft); }
.skip { position: absolute; left: -9999px; }
.skip:focus { position: static; }
.tiles { list-style: none; margin: 24px 0 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.tiles li { background: var(--paper); padding: 14px; }
.tiles b { display: block; font-size: 24px; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.tiles span { display: block; color: var(--soft); font-size: 13px; }
.tiles .alarm b { color: var(--high); }
.attention { margin: 24px 0 0; padding: 14px 18px; border-radius: 8px; background: var(--medium-paper); border-left: 4px solid var(--medium); }
.attention.calm { background: var(--panel); border-left-color: var(--served); }
.attention h2 { font-size: 15px; }
.attention ul { margin: 0; padding-left: 20px; }
.attention p { margin: 0; }
.contents { margin: 24px 0 0; }
.contents ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; }
.findings { list-style: none; margin: 12px 0 0; padding: 0; display: grid; gap: 12px; }
.findings > li { border: 1px solid var(--line); border-left: 4px solid var(--low); border-radius: 6px; padding: 12px 16px; break-inside: avoid; }
.findings > li.high { border-left-color: var(--high); }
.findings > li.medium { border-left-color: var(--medium); }
.group { margin-top: 20px; }
.group h3 { margin: 0; }
.count { color: var(--soft); font-weight: 400; margin-left: 8px; }
.findings p { margin: 0; }
.findings dl { display: flex; flex-wrap: wrap; gap: 2px 20px; margin: 8px 0 0; font-size: 13px; }
.findings dl div { display: flex; gap: 6px; min-width: 0; }
.findings dt { color: var(--soft); }
.findings dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.badge { display: inline-block; font-size: 12px; font-weight: 600; line-height: 1; padding: 4px 7px; border-radius: 4px; margin-right: 8px; background: var(--low-paper); color: var(--low); vertical-align: 1px; }
.badge.high { background: var(--high-paper); color: var(--high); }
.badge.medium { background: var(--medium-paper); color: var(--medium); }
table { border-collapse: collapse; width: 100%; margin: 8px 0 0; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { position: absolute; left: -9999px; width: 1px; }
th, td { text-align: left; vertical-align: top; padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line);  }
th { font-weight: 600; font-size: 13px; color: var(--soft); }
th:last-child, td:last-child { padding-right: 0; }
.right { text-align: right; }
time { white-space: nowrap; }
.table { overflow-x: auto; }
.long { overflow-wrap: anywhere; }
.id { color: var(--soft); font-size: 13px; }
.nothing, .none, .more { color: var(--soft); }
.more { margin: 8px 0 0; font-size: 14px; }
.heavy { color: var(--gap); }
details { margin: 12px 0 0; }
summary { cursor: pointer; color: var(--link); font-size: 14px; }
figure { margin: 0; }
figcaption { font-size: 14px; color: var(--soft); margin: 0 0 4px; }
figcaption strong { color: var(--ink); font-weight: 600; margin-right: 8px; }
.months { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 20px 24px; margin: 16px 0; }
.month { break-inside: avoid; }
.month figcaption { color: var(--ink); font-weight: 600; font-size: 13px; }
.month svg { display: block; width: 100%; max-width: 200px; }
svg text { font-size: 10px; fill: var(--ink); }
svg .tick { fill: var(--soft); font-size: 11px; }
.month .tick { font-size: 9px; }
.l0 rect, rect.l0 { fill: var(--panel); }
.l1 rect, rect.l1 { fill: var(--l1); } .l2 rect, rect.l2 { fill: var(--l2); } .l3 rect, rect.l3 { fill: var(--l3); }
.l4 rect, rect.l4 { fill: var(--l4); } .l5 rect, rect.l5 { fill: var(--l5); }
.l4 text, .l5 text { fill: var(--on-dark); }
.gap rect { fill: var(--gap-paper); stroke: var(--gap); }
.gap path { stroke: var(--gap); stroke-width: 2; fill: none; }
.empty rect { fill: none; stroke: var(--soft); }
.before rect { fill: none; }
.before text { fill: var(--soft); }
.grid { stroke: var(--line); stroke-width: 1; }
.served { fill: var(--served); }
.refused { fill: var(--refused); }
.legend { list-style: none; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 14px; margin: 8px 0 0; padding: 0; font-size: 13px; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend svg { flex: none; overflow: visible; }
.legend svg + svg { margin-left: -3px; }
.ranges { margin: 0 0 12px; padding-left: 20px; columns: 18rem; }
.histogram { margin-top: 18px; break-inside: avoid; }
.plot { display: grid; grid-template-columns: 56px minmax(0, 1fr); gap: 8px; }
.plot svg { display: block; overflow: visible; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; font-size: 11px; line-height: 1; color: var(--soft); font-variant-numeric: tabular-nums; }
.axis { margin-top: 2px; }
.heat { margin-top: 16px; }
.heat .scale { justify-content: flex-start; line-height: 24px; }
footer { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
@media screen and (max-width: 820px) {
  body { padding: 20px 16px 48px; }
  h1 { font-size: 24px; }
  .plot { grid-template-columns: 44px minmax(0, 1fr); gap: 6px; }
  .months { gap: 16px; }
  .tiles { grid-template-columns: 1fr 1fr; }
  thead { position: absolute; left: -9999px; }
  table, tbody { display: block; }
  tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  td, td.right { display: grid; grid-template-columns: 40% minmax(0, 1fr); gap: 8px; padding: 2px 0; border: 0; text-align: left; }
  td { overflow-wrap: anywhere; }
  td::before { content: attr(data-label); color: var(--soft); font-size: 13px; }
}
@media print {
  :root { --paper: #ffffff; --ink: #000000; --soft: #454b52; --line: #c9ced4; --panel: #f4f5f6; --link: #000000; color-scheme: light;
    --l1: #dbe9f9; --l2: #a9cdf0; --l3: #69a5dd; --l4: #2f74b8; --l5: #0d3f78; --on-dark: #ffffff;
    --served: #2f74b8; --refused: #c2510c; --gap: #b43c06; --gap-paper: #fff3ea;
    --high: #a40e26; --high-paper: #ffffff; --medium: #8a4600; --medium-paper: #ffffff; --low: #44546a; --low-paper: #ffffff; }
  @page { margin: 16mm 14mm; }
  html { font-size: 10.5pt; }
  body { max-width: none; padding: 0; }
  table { font-size: 9pt; }
  h2, h3, thead, .note, figcaption { break-after: avoid; }
  tr, .tiles li, .plot { break-inside: avoid; }
  .tiles { grid-template-columns: repeat(3, 1fr); }
  thead { display: table-header-group; }
  .contents, .skip, details { display: none; }
  .badge { border: 1px solid currentColor; }
}
`
