"""A page of the training report: its frame, its style in light and dark, its tables. It asks nothing of a network."""

import html
from collections.abc import Sequence

from cartoons.report.drawing import BLUE, DARK, INK, MUTED, ORANGE, PAPER, RULE, shown

COLOURS = {"ink": INK, "muted": MUTED, "rule": RULE, "paper": PAPER, "blue": BLUE, "orange": ORANGE}


def document(title: str, body: str) -> bytes:
    """A whole HTML file; title is plain text, body is HTML."""
    light = "".join(f"--{name}:{colour};" for name, colour in COLOURS.items())
    dark = "".join(f"--{name}:{DARK[colour]};" for name, colour in COLOURS.items())
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
{CSS}</style>
</head>
<body>
{body}
</body>
</html>
"""
    return page.encode(errors="replace")


def name(label: str) -> str:
    """A label as the reader meets it, as HTML."""
    return html.escape(shown(label))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of ready HTML; all columns but the first are numbers."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


CSS = """
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem clamp(1rem, 4vw, 2.5rem) 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: anywhere; }
h1, h2, p, figure, dl, dd { margin: 0; }
h1, .number { font-family: "Iowan Old Style", Palatino, "Palatino Linotype", Georgia, "Liberation Serif", serif; }
h1 { font-size: clamp(1.7rem, 5vw, 2.4rem); font-weight: 600; line-height: 1.15; text-wrap: balance; }
h2 { font-size: 1.05rem; line-height: 1.3; }
a { color: var(--blue); }
.kicker, .quiet, dt, figcaption small, td small { color: var(--muted); }
.kicker, .quiet { font-size: .9rem; }
.hero { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1.6rem; align-items: center; margin: 1.4rem 0 1.6rem; }
.number { font-size: clamp(3.2rem, 11vw, 5rem); line-height: 1; font-variant-numeric: lining-nums; }
.scale { position: relative; height: 1.1rem; margin: .7rem 0 1.5rem; max-width: 34rem; }
.scale > * { position: absolute; top: 50%; }
.scale .line { left: 0; right: 0; border-top: 1px solid var(--muted); }
.scale .span { height: .55rem; margin-top: -.275rem; background: var(--blue); opacity: .35; border-radius: .2rem; }
.scale .dot { width: .9rem; height: .9rem; margin: -.45rem; border-radius: 50%; background: var(--blue); }
.scale .chance { height: .9rem; margin-top: -.45rem; border-left: 2px solid var(--orange); }
.scale b { top: 1.15rem; font-size: .8rem; font-weight: 400; line-height: 1; color: var(--muted); white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.2rem; padding: 1rem 0;
  border: solid var(--rule); border-width: 1px 0; }
.plates { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 3.5rem; margin-top: 1rem; }
.plate { break-inside: avoid; padding: 1.3rem 0 1.6rem; }
.plate p { margin-top: .25rem; }
.plate img { display: block; width: 100%; max-width: 460px; height: auto; margin-top: 1rem; }
.plate.wide img { width: auto; max-width: none; }
.tables { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 3.5rem;
  margin-top: 1rem; border-top: 1px solid var(--rule); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: .8rem; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem 0 .35rem .8rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--rule); }
th:first-child { padding-left: 0; min-width: 6rem; text-align: left; font-weight: 400; }
thead th { color: var(--muted); font-weight: 400; }
thead th, td { overflow-wrap: normal; }
td small { display: block; white-space: nowrap; }
footer { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
code { font-size: .9em; }
.sheet { padding: 1.6rem 0 .6rem; }
.prints { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: 1rem .8rem; margin-top: 1rem; }
.print { font-size: .8rem; line-height: 1.35; }
.print img, .print .lost { display: block; width: 100%; aspect-ratio: 1; margin-bottom: .35rem; }
.print img { object-fit: contain; border: 1px solid var(--rule); }
.print .lost { padding: .5rem; border: 1px dashed var(--muted); color: var(--muted); overflow: hidden; }
.print small { display: block; color: var(--muted); font-size: inherit; }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(clamp(3.6rem, 15vw, 6rem), 1fr));
  gap: .4rem; margin: .4rem 0 1rem; }
.quiet + .quiet, .strip + .quiet { margin-top: 1rem; }
.doubts { list-style: none; padding: 0; display: grid; gap: 1rem; }
.doubts li { display: grid; grid-template-columns: 6.5rem 1fr; gap: 0 1rem; align-items: start; }
@media (max-width: 48rem) {
  .plates { display: flex; flex-direction: column; }
  .column { display: contents; }
  .tables { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 40rem) {
  .hero { grid-template-columns: 1fr; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd + dt { margin-top: .6rem; }
  td small { font-size: .72rem; }
  th, td { padding-left: .5rem; }
}
"""
