#!/usr/bin/env python3
"""Looks into sluice's built libraries for mutable data: there are no globals and no statics, so there is none.

  check_globals.py ARCHIVE...                    one line a symbol that lies in .data, .bss, .tdata or .tbss
  check_globals.py --self-test CXX               compiles planted globals and expects them to be found
Symbols of other namespaces that headers bring along (protobuf's, the standard library's) are left alone, and so is
protoc's code for messages, which registers them with protobuf.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile


def mutable_symbols(archive):
    """[(member, section, demangled name)] of the objects' mutable data in sluice's namespace or in none."""
    done = subprocess.run(["objdump", "--syms", "--demangle", str(archive)], check=True, capture_output=True, text=True)
    found, member = [], "?"
    for line in done.stdout.splitlines():
        head = re.match(r"^(\S+):\s+file format", line)
        if head:
            member = head[1]
            continue
        if member.endswith(".pb.cc.o"):
            continue
        match = re.match(r"^[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+\s+(?:\.hidden )?(.+)$", line)
        if not match or "d" in match[1]:
            continue
        section, name = match[2], match[3]
        if not re.match(r"\.(?:data|bss|tdata|tbss)(?:\.|$)", section) or section.startswith(".data.rel.ro") or name.startswith("DW.ref."):
            continue
        if re.search(r"\b(?:google|testing)::", name) or name.startswith("std::"):
            # <iostream> in a library is a finding: it is a global with a constructor. protobuf's headers bring it.
            if "__ioinit" not in name or re.search(r"sluice_(?:proto|errors|stub|plugin)\b", str(archive)):
                continue
        found.append((member, section, name))
    return found


def self_test(compiler):
    cases = [
        ("int calls;", ["calls"]),
        ("namespace { int calls = 7; } int* f() { return &calls; }", ["calls"]),
        ("int f() { static int calls = 0; return ++calls; }", ["calls"]),
        ("thread_local int depth = 3;", ["depth"]),
        ("#include <string>\nconst std::string& f() { static const std::string s = \"x\"; return s; }", ["s"]),
        ("extern const int kMax; const int kMax = 3; struct T { virtual ~T(); }; T::~T() {}", []),
        ("const char* f(int i) { static constexpr const char* kNames[] = {\"a\", \"b\"}; return kNames[i]; }", []),
    ]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for source, wanted in cases:
            unit = pathlib.Path(folder) / "unit.cc"
            unit.write_text(source + "\n")
            subprocess.run([compiler, "-std=c++20", "-O1", "-c", str(unit), "-o", str(unit) + ".o"], check=True)
            found = mutable_symbols(str(unit) + ".o")
            good = bool(found) == bool(wanted) and all(any(w in name for _, _, name in found) for w in wanted)
            if not good:
                wrong += 1
                print(f"wanted {wanted}, got {found}: {source}")
    print(f"check_globals self-test: {len(cases)} cases, {wrong} wrong")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--self-test", metavar="CXX")
    parser.add_argument("archives", nargs="*")
    args = parser.parse_args()
    if args.self_test:
        return self_test(args.self_test)
    problems = [(archive, *symbol) for archive in args.archives for symbol in mutable_symbols(archive)]
    for archive, member, section, name in problems:
        print(f"{pathlib.Path(archive).name}({member}): {section}: {name}")
    print(f"check_globals: {len(args.archives)} libraries, {len(problems)} problems")
    return 1 if problems or not args.archives else 0


if __name__ == "__main__":
    sys.exit(main())
