#!/usr/bin/env python3
"""Holds docs/wire.md against the code and the tests that it names.

  check_wire.py TEST_BINARY...    reads the table, the names of the tests of those binaries, and the mutations
  check_wire.py --self-test       plants mistakes in a small table and expects each to be found
"""
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "wire.md"
MUTATIONS = ROOT / "tests" / "wire" / "mutations.toml"

RULES = 98
# What waits for a part of the library that is not there: keepalive and ages, retries, TLS and credentials.
MAY_BE_OPEN = {59, 66, 67, 69, 70, 72, *range(85, 95), 96, 97}

COUNT = re.compile(r"^\*\*(\d+) rules\*\*: (\d+) proven, (\d+) in part, (\d+) open\.$", re.M)
NUMBERED = re.compile(r"\w+\.R(\d\d)_[A-Z]\w*")


def tests_of(binary):
    """Suite.Name of each test; of one with parameters once, as it stands in the source."""
    listed = subprocess.run([binary, "--gtest_list_tests"], check=True, capture_output=True, text=True).stdout
    names, suite = set(), ""
    for line in listed.splitlines():
        text = line.split("#")[0].rstrip()
        if text.endswith(".") and not text.startswith(" "):
            suite = text.split("/")[-1]
        elif text.startswith("  "):
            names.add(suite + text.strip().split("/")[0])
    return names


def rows_of(text):
    """The cells of each row: number, rule, where, test."""
    rows = []
    for line in text.splitlines():
        if re.match(r"\|\s*\d", line):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows


def places_missing(where, root):
    """`file` `name`, `name`; `file` …: which of them is not there."""
    source, missing = None, []
    for token in re.findall(r"`([^`]+)`", where):
        if "/" in token:
            path = root / token
            source = path.read_text() if path.is_file() else None
            if source is None:
                missing.append(token)
        elif source is not None and not re.search(rf"\b{re.escape(token)}\b", source):
            missing.append(f"{token} in that file")
    return missing


def findings(text, tests, mutations, root, rules=RULES, may_be_open=frozenset(MAY_BE_OPEN)):
    """What is wrong with the table, a line each."""
    found = []
    kinds = {"proven": 0, "in part": 0, "open": 0}
    named = set()
    broken_by = {m["rule"] for m in mutations}
    rows = rows_of(text)
    for place, row in enumerate(rows, 1):
        if len(row) != 4 or not all(row):
            found.append(f"row {place}: want | number | rule | where | test |, got {row}")
            continue
        number, _, where, proof = row
        if number != str(place):
            found.append(f"row {place} is numbered {number}")
        proof, is_open, why = proof.partition("open:")
        if is_open and not why.strip():
            found.append(f"rule {number} is open without a reason")
        of_row = set(NUMBERED.findall(proof))
        listed = re.findall(r"`([^`]+)`", proof)
        kinds["proven" if not is_open else "in part" if listed else "open"] += 1
        if is_open and place not in may_be_open:
            found.append(f"rule {number} may not be open")
        if not is_open and not listed:
            found.append(f"rule {number} names no test")
        for test in listed:
            if test not in tests:
                found.append(f"rule {number}: there is no test {test}")
            if not NUMBERED.fullmatch(test):
                found.append(f"rule {number}: {test} does not bear a number")
        if of_row - {f"{place:02}"}:
            found.append(f"rule {number} names tests of other rules: {sorted(of_row)}")
        named |= set(listed)
        if listed and where == "–":
            found.append(f"rule {number} is proven nowhere")
        found += [f"rule {number}: there is no {missing}" for missing in places_missing(where, root)]
        if not is_open and place not in broken_by:
            found.append(f"rule {number} is broken by no mutation")
    if len(rows) != rules:
        found.append(f"{rules} rules are wanted, and {len(rows)} are here")
    for test in sorted(tests - named):
        if NUMBERED.fullmatch(test):
            found.append(f"{test} stands in no row")
    found += mutations_stale(mutations, tests, root)
    want = [len(rows), kinds["proven"], kinds["in part"], kinds["open"]]
    count = COUNT.search(text)
    if count is None or [int(n) for n in count.groups()] != want:
        found.append("the count is to be: **{}** rules, {} proven, {} in part, {} open".format(*want))
    return found


def mutations_stale(mutations, tests, root):
    found = []
    for m in mutations:
        name = f"mutation of rule {m['rule']}"
        path = root / m["file"]
        times = path.read_text().count(m["old"]) if path.is_file() else 0
        if times != 1:
            found.append(f"{name}: \"{m['old']}\" stands {times} times in {m['file']}")
        if "\n" in m["old"] + m["new"]:
            found.append(f"{name} is longer than a line")
        if m["test"] not in tests or f".R{m['rule']:02}_" not in m["test"]:
            found.append(f"{name}: {m['test']} is no test of it")
    return found


GOOD = """\
**3 rules**: 1 proven, 1 in part, 1 open.

| # | rule | where | test |
|---|---|---|---|
| 1 | a | `tools/check_conformance.py` `rows_of` | `S.R01_A` |
| 2 | b | `tools/check_conformance.py` `rows_of`, `tests_of` | `S.R02_B`, `S.R02_C`; open: half of it |
| 3 | c | – | open: d |
"""
GOOD_TESTS = {"S.R01_A", "S.R02_B", "S.R02_C", "S.Other"}
BROKEN = {"file": "tools/check_conformance.py", "old": "OWN_SUITES = (", "new": "OWN_SUITES = ("}
GOOD_MUTATIONS = [dict(BROKEN, rule=1, test="S.R01_A"), dict(BROKEN, rule=2, test="S.R02_C")]
# What is replaced in the table, by what, and a word of the finding.
MISTAKES = [
    ("`S.R01_A`", "`S.R01_B`", "there is no test"),
    ("`S.R01_A`", "no name", "names no test"),
    ("`S.R01_A`", "`S.Other`", "does not bear a number"),
    ("`S.R01_A`", "`S.R01_A`, `S.R02_B`", "names tests of other rules"),
    ("`S.R01_A`", "open: e", "rule 1 may not be open"),
    ("open: half of it", "open: ", "without a reason"),
    ("`S.R02_B`, ", "", "S.R02_B stands in no row"),
    ("| 2 | b", "| 3 | b", "is numbered"),
    ("| b |", "| |", "want |"),
    ("`rows_of` |", "`columns_of` |", "there is no columns_of"),
    ("`tools/check_conformance.py` `rows_of` |", "`tools/nowhere.py` `rows_of` |", "there is no tools/nowhere.py"),
    ("`tools/check_conformance.py` `rows_of` |", "– |", "is proven nowhere"),
    ("| 3 | c | – | open: d |\n", "", "3 rules are wanted"),
    ("1 in part", "2 in part", "the count"),
]
# A field of the first mutation, what it becomes, and a word of the finding.
MUTATION_MISTAKES = [
    ("old", "no such line", "stands 0 times"),
    ("old", "import", "times in"),
    ("new", "two\nlines", "longer than a line"),
    ("test", "S.Other", "is no test of it"),
    ("test", "S.R02_B", "is no test of it"),
    ("rule", 2, "rule 1 is broken by no mutation"),
]


def self_test():
    def found(text, mutations):
        return findings(text, GOOD_TESTS, mutations, ROOT, rules=3, may_be_open={2, 3})

    clean = found(GOOD, GOOD_MUTATIONS)
    if clean:
        sys.exit(f"a good table has findings: {clean}")
    for old, new, word in MISTAKES:
        if not any(word in line for line in found(GOOD.replace(old, new, 1), GOOD_MUTATIONS)):
            sys.exit(f"{old} -> {new}: no finding has '{word}'")
    for field, value, word in MUTATION_MISTAKES:
        changed = [dict(GOOD_MUTATIONS[0], **{field: value}), GOOD_MUTATIONS[1]]
        if not any(word in line for line in found(GOOD, changed)):
            sys.exit(f"{field} = {value}: no finding has '{word}'")
    print(f"{len(MISTAKES) + len(MUTATION_MISTAKES)} planted mistakes found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tests = set().union(*(tests_of(binary) for binary in sys.argv[1:]))
    mutations = tomllib.loads(MUTATIONS.read_text())["mutation"]
    found = findings(DOCUMENT.read_text(), tests, mutations, ROOT)
    print("\n".join(found))
    print(f"{len(found)} findings")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
