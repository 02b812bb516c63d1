"""From results to one SVG: a panel a row, a bar a subject and pinning, times on a logarithmic scale, so that the
shorter bar is always the better one. Readable on light and on dark ground."""
import math
import statistics
from xml.sax.saxutils import escape

from table import figure, is_floor, is_sluice, key_order

WIDTH, LEFT, RIGHT, LINE, HEAD, FOOT = 960, 270, 150, 17, 40, 26
PANELS = (  # (row, params, metric, from the value to nanoseconds, title)
    (1, "", "p50", float, "1 · unary call of 10 B, one at a time"),
    (2, "", "p50", float, "2 · unary call, the server on another thread"),
    (3, "outstanding=64", "per_second", lambda rate: 1e9 / rate, "3 · unary calls, 64 in flight: time for each"),
    (4, "", "p50", float, "4 · ping-pong of 100 B on a stream"),
    (5, "messages=1024", "p50", float, "5 · one message of 100 B of a long stream"),
    (6, "", "p50", float, "6 · unary echo of 1 MiB"),
)
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .head { font-weight: 600; font-size: 13px } .dim { fill: #59636e }
.grid { stroke: #d1d9e0; stroke-width: 1 } .spread { stroke: #1f2328; stroke-width: 1.5 }
.sluice { fill: #0969da } .floor { fill: #afb8c1 } .peer { fill: #d4a72c } .ours { font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .dim { fill: #9198a1 } .grid { stroke: #3d444d } .spread { stroke: #f0f6fc }
.sluice { fill: #4493f8 } .floor { fill: #656c76 } .peer { fill: #9e6a03 } }
"""


def lines_of(results, key, metric, to_time):
    """[(median, low, high, subject, pinning)] in nanoseconds, the fastest first."""
    out = []
    for subject, pinning in results.lines[key]:
        times = [to_time(value) for value in results.rounds(key, metric, subject, pinning).values() if value]
        if times:
            out.append((statistics.median(times), min(times), max(times), subject, pinning))
    return sorted(out)


def panel(lines, title, top):
    """The elements of one panel, and its height."""
    low = 10 ** math.floor(math.log10(min(line[1] for line in lines) * 0.999))
    high = max(line[2] for line in lines)
    span = max(math.log10(high / low), 1.0)
    bottom = top + HEAD + LINE * len(lines)

    def x(value):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(max(value, low) / low) / span

    out = [f'<text class="head" x="8" y="{top + 18}">{escape(title)}</text>']
    decade = low
    while decade <= high * 1.001:
        out.append(f'<line class="grid" x1="{x(decade):.1f}" y1="{top + HEAD - 10}" x2="{x(decade):.1f}" y2="{bottom}"/>')
        out.append(f'<text class="dim" x="{x(decade):.1f}" y="{bottom + 14}" text-anchor="middle">{figure(decade, "ns")}</text>')
        decade *= 10
    for i, (median, least, most, subject, pinning) in enumerate(lines):
        y = top + HEAD + LINE * i
        kind = "sluice" if is_sluice(subject) else "floor" if is_floor(subject) else "peer"
        weight = ' class="ours"' if kind == "sluice" else ""
        out.append(f'<text{weight} x="{LEFT - 6}" y="{y + 8}" text-anchor="end">{escape(f"{subject}, {pinning}")}</text>')
        out.append(f'<rect class="{kind}" x="{LEFT}" y="{y - 2}" width="{max(x(median) - LEFT, 1):.1f}" height="{LINE - 5}"/>')
        out.append(f'<line class="spread" x1="{x(least):.1f}" y1="{y + 4}" x2="{x(most):.1f}" y2="{y + 4}"/>')
        out.append(f'<text{weight} x="{max(x(most), x(median)) + 6:.1f}" y="{y + 8}">{figure(median, "ns")}</text>')
    return out, HEAD + LINE * len(lines) + FOOT


def svg(results):
    """The whole plot, or "" when there is nothing to plot."""
    out, top = [], 34
    for row, params, metric, to_time, title in PANELS:
        for key in sorted(results.measurements, key=key_order):
            lines = lines_of(results, key, metric, to_time) if (key[0], key[2]) == (row, params) else []
            if lines and (row != 2 or "another thread" in key[1]):
                elements, height = panel(lines, title, top)
                out += elements
                top += height
    if not out:
        return ""
    legend = "time, logarithmic: shorter is better · blue: sluice, grey: floors, yellow: peers · line: all rounds, bar: their median"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}">',
                      f"<style>{STYLE}</style>", f'<text class="dim" x="8" y="18">{escape(legend)}</text>', *out, "</svg>", ""])
