/** The style of the inbox's pages. Its hash is in their content security policy. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f2, #15161b);
  --sheet: light-dark(#ffffff, #1e2027);
  --line: light-dark(#e3e0d9, #31343e);
  --ink: light-dark(#1f2230, #eceaf2);
  --quiet: light-dark(#626675, #a2a6b5);
  --accent: light-dark(#5140a8, #b3a6ff);
  --tint: light-dark(#f0edfb, #292740);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem;
  background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
header { margin-bottom: 1.5rem; }
header p { margin: 0.25rem 0 0; color: var(--quiet); }
nav { margin-bottom: 0.75rem; }
a { color: var(--accent); text-underline-offset: 0.2em; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; letter-spacing: -0.01em; }
h2 { margin: 0 0 0.6rem; font-size: 0.95rem; color: var(--quiet); }
code { font: 0.9em ui-monospace, monospace; }
.count {
  display: inline-block; padding: 0 0.6em; border-radius: 1em; vertical-align: middle;
  background: var(--tint); color: var(--accent); font-size: 0.85rem; font-weight: 600; line-height: 1.8;
}
.mails, .empty, section { background: var(--sheet); border: 1px solid var(--line); border-radius: 0.75rem; }
.empty { margin: 0; padding: 3rem 1.5rem; text-align: center; color: var(--quiet); }
.mails { margin: 0; padding: 0; list-style: none; overflow: hidden; }
.mails li + li { border-top: 1px solid var(--line); }
.mails a {
  display: grid; grid-template-columns: 17rem minmax(0, 1fr) max-content; gap: 0.15rem 1.5rem;
  padding: 0.8rem 1.1rem; color: inherit; text-decoration: none;
}
.mails a:hover, .mails a:focus-visible { background: var(--tint); }
.mails a:focus-visible { outline-offset: -2px; }
.who > span, .what > span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.subject { font-weight: 600; }
.from, .preview { color: var(--quiet); font-size: 0.9rem; }
time { font-variant-numeric: tabular-nums; }
abbr { text-decoration: none; font-size: 0.85em; color: var(--quiet); }
.mails time { color: var(--quiet); font-size: 0.9rem; text-align: right; }
.mails time span { display: block; }
.facts, .headers { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.2rem 1rem; margin: 0; }
.facts { margin-top: 0.9rem; }
dt { color: var(--quiet); }
dd { margin: 0; }
section { margin-top: 1rem; padding: 1rem 1.1rem; }
iframe {
  display: block; width: 100%; height: 70vh; min-height: 26rem;
  border: 1px solid var(--line); border-radius: 0.4rem; background: #fff; color-scheme: light;
}
pre { margin: 0; font: 0.9rem/1.55 ui-monospace, monospace; white-space: pre-wrap; }
summary { cursor: pointer; color: var(--quiet); font-weight: 600; font-size: 0.95rem; }
.headers { margin-top: 0.9rem; font: 0.85rem/1.5 ui-monospace, monospace; }
.attachments { margin: 0; padding-left: 1.2rem; }
.attachments span { color: var(--quiet); }
@media (max-width: 44rem) {
  body { padding: 1.25rem 0.75rem 3rem; }
  .mails a { grid-template-columns: minmax(0, 1fr) max-content; }
  .what { grid-column: 1 / -1; grid-row: 2; }
  .mails time span, .from { display: none !important; }
  .preview { white-space: normal !important; display: -webkit-box !important; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
  .what .subject { white-space: normal; }
  .to { color: var(--quiet); font-size: 0.9rem; }
  .headers { grid-template-columns: minmax(0, 1fr); }
  .headers dd { margin-bottom: 0.5rem; }
  section { padding: 0.9rem; }
}
`;
