"""Writes what was measured into docs/interop.md: a table a suite, between the page's markers."""
import re

BEGIN, END = "<!-- measured: ./dev interop --page docs/interop.md -->", "<!-- /measured -->"
DIRECTIONS = {"peer-client": "their client", "peer-server": "their server"}
# Of several transports the worst is shown.
MARKS = {"failed": "**failed**", "skipped": "skipped", "inapplicable": "–", "passed": "✓"}


def table(title, cases, rows):
    def column_of(row):
        return row["peer"], row["direction"], row["transport"] if row["proxy"] else ""
    columns = list(dict.fromkeys(map(column_of, sorted(rows, key=lambda row: row["transport"] if row["proxy"] else ""))))
    cells = {}
    for row in rows:
        key = *column_of(row), row["case"]
        outcomes = cells.setdefault(key, set())
        outcomes.add(row["outcome"])
    # What cannot be over one transport alone (a pipe's server has no process) is no gap.
    marks = {key: MARKS[next(o for o in ("failed", "skipped", "passed", "inapplicable") if o in outcomes)]
             for key, outcomes in cells.items()}
    heads = [f"{proxy}, {peer}" if proxy else f"{peer.removeprefix('official-')}, {'both' if peer.endswith('sluice') else DIRECTIONS[direction]}"
             for peer, direction, proxy in columns]
    lines = [f"| {title} | " + " | ".join(heads) + " |", "|---|" + ":-:|" * len(columns)]
    lines += [f"| {case} | " + " | ".join(marks.get((*column, case), "") for column in columns) + " |" for case in cases]
    return "\n".join(lines)


def write_page(path, suites, versions):
    """`suites`: title, cases and rows of each."""
    text = path.read_text()
    parts = [table(title, cases, rows) for title, cases, rows in suites if rows]
    measured = "\n\n".join([*parts, "Measured with " + ", ".join(versions) + "."])
    text, count = re.subn(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: f"{BEGIN}\n{measured}\n{END}", text, flags=re.S)
    if count != 1:
        raise SystemExit(f"{path} has no {BEGIN} … {END}")
    path.write_text(text)
