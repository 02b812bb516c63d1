#!/usr/bin/env python3
"""Holds docs/http2-conformance.md against the tests that it names.

  check_conformance.py HTTP2_TEST    reads the table, and the names of the tests of that binary
  check_conformance.py --self-test   plants mistakes in a small table and expects each to be found
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "http2-conformance.md"

# Each test of these suites proves one row, and is named by that row only.
OWN_SUITES = ("Rfc9113", "Rfc7541")
COUNT = re.compile(r"^\*\*(\d+) rules\*\*: (\d+) proven, (\d+) open, (\d+) not ours\.$", re.M)
TEST_NAME = re.compile(r"[A-Z]\w*\.[A-Z]\w*")


def tests_of(binary):
    listed = subprocess.run([binary, "--gtest_list_tests"], check=True, capture_output=True, text=True).stdout
    names, suite = set(), ""
    for line in listed.splitlines():
        text = line.split("#")[0].rstrip()
        if text.endswith(".") and not text.startswith(" "):
            suite = text
        elif text.startswith("  "):
            names.add(suite + text.strip())
    return names


def rows_of(text):
    """The cells of each row: number, section, rule, proof."""
    rows = []
    for line in text.splitlines():
        if re.match(r"\|\s*\d", line):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows


def source_has(root, file, name):
    suite, test = name.split(".")
    path = root / file
    return path.is_file() and re.search(rf"TEST(_P|_F)?\({suite}, {test}\)", path.read_text()) is not None


def findings(text, tests, root):
    """What is wrong with the table, a line each."""
    found = []
    kinds = {"proven": 0, "open": 0, "not ours": 0}
    used = {}
    for place, row in enumerate(rows_of(text), 1):
        if len(row) != 4 or not all(row):
            found.append(f"row {place}: want | number | section | rule | proof |, got {row}")
            continue
        number, section, _, proof = row
        if number != str(place):
            found.append(f"row {place} is numbered {number}")
        if not re.fullmatch(r"\d+(\.\d+)*", section):
            found.append(f"row {place}: no section: {section}")
        kind = next((k for k in ("open", "not ours") if proof.startswith(k + ": ")), "proven")
        kinds[kind] += 1
        file, named = None, 0
        for token in re.findall(r"`([^`]+)`", proof):
            if token.endswith(".cc"):
                file = token
            elif TEST_NAME.fullmatch(token):
                named += 1
                if file is None and token not in tests:
                    found.append(f"row {place}: http2_test has no test {token}")
                if file is not None and not source_has(root, file, token):
                    found.append(f"row {place}: {file} has no test {token}")
                if token.split(".")[0] in OWN_SUITES:
                    used.setdefault(token, []).append(place)
        if kind == "proven" and named == 0:
            found.append(f"row {place} names no test")
    for test, places in sorted(used.items()):
        if len(places) > 1:
            found.append(f"{test} stands in rows {places}: one test a row")
    for test in sorted(tests):
        if test.split(".")[0] in OWN_SUITES and test not in used:
            found.append(f"{test} proves no row")
    want = [sum(kinds.values()), kinds["proven"], kinds["open"], kinds["not ours"]]
    count = COUNT.search(text)
    if count is None or [int(n) for n in count.groups()] != want:
        found.append("the count is to be: **{}** rules, {} proven, {} open, {} not ours".format(*want))
    return found


GOOD = """\
**3 rules**: 1 proven, 1 open, 1 not ours.

| # | § | rule | proof |
|---|---|---|---|
| 1 | 3.4 | a | `Rfc9113.A` |
| 2 | 4.1 | b | open: c |
| 3 | 8 | d | not ours: e |
"""
# What is replaced, by what, and a word of the finding.
MISTAKES = [
    ("`Rfc9113.A`", "`Rfc9113.B`", "has no test"),
    ("`Rfc9113.A`", "no name", "names no test"),
    ("| 2 | 4.1", "| 3 | 4.1", "is numbered"),
    ("| 4.1 |", "| |", "want |"),
    ("| 4.1 |", "| four |", "no section"),
    ("open: c", "`Rfc9113.A`", "one test a row"),
    ("**3 rules**", "**4 rules**", "the count"),
    ("1 open", "2 open", "the count"),
    ("open: c", "`src/nowhere_test.cc` `Some.Test`", "has no test"),
    ("`Rfc9113.A`", "`Session.C`", "proves no row"),
]


def self_test():
    tests = {"Rfc9113.A", "Session.C"}
    clean = findings(GOOD, tests, ROOT)
    if clean:
        sys.exit(f"a good table has findings: {clean}")
    for old, new, word in MISTAKES:
        if not any(word in line for line in findings(GOOD.replace(old, new, 1), tests, ROOT)):
            sys.exit(f"{old} -> {new}: no finding has '{word}'")
    print(f"{len(MISTAKES)} planted mistakes found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = findings(DOCUMENT.read_text(), tests_of(sys.argv[1]), ROOT)
    print("\n".join(found))
    print(f"{len(found)} findings")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
