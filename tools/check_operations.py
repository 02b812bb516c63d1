#!/usr/bin/env python3
"""Every public operation has a test in tests/realtime that nobody runs the loop after it.

  tools/check_operations.py              compares the public headers, the table and the tests
  tools/check_operations.py --write      adds what is missing to the table, to be filled in
  tools/check_operations.py --self-test  plants an operation, a row and a test that are wrong

tests/realtime/operations.txt has a row an operation: `Class::name Suite.Test` or, for what starts nothing on a loop,
`Class::name - reason`.
"""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = "tests/realtime/operations.txt"
# The classes whose functions users call; those of detail are bases of the typed streams.
HEADERS = {
    "async/op.h": ["Op", "Call"],
    "async/context.h": ["Context"],
    "client/channel.h": ["Channel", ""],
    "runtime/runtime.h": ["Runtime"],
    "server/server.h": ["Server"],
    "stub/client_streams.h": ["ClientStreamHandle", "ClientReads", "ClientWrites", "ClientReader", "ClientWriter",
                              "ClientReaderWriter"],
    "stub/server_streams.h": ["ServerStreamHandle", "ServerReads", "ServerWrites", "ServerReader", "ServerWriter",
                              "ServerReaderWriter"],
}
NO_CALL = {"if", "return", "for", "while", "static_assert", "assert", "sizeof", "move", "exchange", "bool"}


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def body_of(text, name):
    """The inside of the class, or None."""
    match = re.search(rf"\bclass (?:\[\[\w+\]\] )?{name}\b[^;{{]*\{{", text)
    if not match:
        return None
    depth, i = 1, match.end()
    while depth and i < len(text):
        depth += (text[i] == "{") - (text[i] == "}")
        i += 1
    return text[match.end():i - 1]


def flat(body):
    """Declarations only: what stands in inner braces and brackets is gone."""
    out, depth = [], 0
    for c in body:
        depth -= c == "}"
        if depth == 0:
            out.append(";" if c == "}" else c)
        depth += c == "{"
    return "".join(out)


def public_functions(body):
    public, names = False, set()
    for part in re.split(r"\b(public|protected|private)\s*:(?!:)", flat(body)):
        if part in ("public", "protected", "private"):
            public = part == "public"
        elif public:
            for declaration in part.split(";"):
                match = re.search(r"(~?\b[a-z]\w*|~[A-Z]\w*)\s*\(", declaration)
                # What ends in _ is a member that a constructor initialises.
                if match and match[1] not in NO_CALL and not match[1].endswith("_"):
                    names.add(match[1])
    return names


def operations(headers):
    """Class::name of each; headers: path -> text."""
    found = set()
    for path, classes in HEADERS.items():
        text = without_comments(headers[path])
        for name in classes:
            if name == "":
                found |= {match[1] for match in re.finditer(r"(?m)^Result<Channel> (\w+)\(", text)}
                continue
            body = body_of(text, name)
            if body is None:
                sys.exit(f"include/sluice/{path}: no class {name}; tell {__file__}")
            found |= {f"{name}::{function}" for function in public_functions(body)}
            if name in ("Call", "Channel", "ClientStreamHandle"):  # their members' destructors are implicit
                found.add(f"{name}::~{name}")
    return found


def rows(text):
    table = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, test, *reason = line.split(None, 2)
            table[name] = (number, test, " ".join(reason))
    return table


def findings(headers, table_text, tests):
    there, table = operations(headers), rows(table_text)
    for name in sorted(there - table.keys()):
        yield f"{TABLE}:1: {name} has no row: say which test shows that it leaves, or why nothing does"
    for name, (number, test, reason) in table.items():
        if name not in there:
            yield f"{TABLE}:{number}: there is no {name}"
        elif test == "-" and not reason:
            yield f"{TABLE}:{number}: {name} has neither test nor reason"
        elif test != "-" and test not in tests:
            yield f"{TABLE}:{number}: {name}: there is no test {test}"


def test_names(texts):
    return {f"{match[1]}.{match[2]}" for text in texts for match in re.finditer(r"TEST_[PF]?\((\w+),\s*(\w+)\)", text)}


def load():
    headers = {path: (ROOT / "include/sluice" / path).read_text() for path in HEADERS}
    tests = test_names(path.read_text() for path in (ROOT / "tests/realtime").glob("*_test.cc"))
    return headers, (ROOT / TABLE).read_text(), tests


def self_test():
    headers, table, tests = load()
    channel = dict(headers)
    channel["client/channel.h"] = headers["client/channel.h"].replace("  void close() {", "  void planted() {}\n  void close() {")
    cases = {
        "an operation without a row": (channel, table, tests, "Channel::planted has no row"),
        "a row without an operation": (headers, table + "Channel::gone - why\n", tests, "there is no Channel::gone"),
        "a row without a test": (headers, table, tests - {"Client.ClosedChannelEndsItsHandlers"}, "there is no test"),
        "a row without a reason": (headers, re.sub(r"(?m)^(Channel::state -).*", r"\1", table), tests, "neither test nor reason"),
    }
    wrong = 0
    for what, (h, t, names, want) in cases.items():
        if not any(want in finding for finding in findings(h, t, names)):
            print(f"did not find {what}")
            wrong += 1
    print(f"check_operations self-test: {len(cases)} cases, {wrong} wrong")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    headers, table, tests = load()
    if args.write:
        with open(ROOT / TABLE, "a") as out:
            out.writelines(f"{name} -\n" for name in sorted(operations(headers) - rows(table).keys()))
        return 0
    found = list(findings(headers, table, tests))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"check_operations: {len(operations(headers))} operations, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
