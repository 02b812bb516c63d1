#!/usr/bin/env python3
"""The guide's snippets are parts of programs that are built, and its links lead somewhere.

  tools/check_guide.py              compares docs/guide/*.md with the regions of examples/
  tools/check_guide.py --self-test  plants a mistake of each kind in a copy, and expects it to be found

A region of a file begins with a line `// [name]` and ends with `// [/name]`; regions may lie in each other, and what a
second pair of that name encloses is more of the same region. A block ```cpp or ```proto of a page is the text of one region, indentation aside. Exempt are blocks that say whose they are
(```cpp grpc++, ```go) and those that others look at: ```text is what a program prints (examples/guide/guide_test.py),
```cmake and ```sh are what the tests of tests/install do.
"""
import argparse
import difflib
import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKED = ("cpp", "proto")
EXEMPT = ("cpp grpc++", "go", "text", "cmake", "sh")
MARK = re.compile(r"\s*// \[(/?)([\w.]+)\]$")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


class Region:
    def __init__(self, path, name, line):
        self.path, self.name, self.line, self.text, self.closed, self.shown = path, name, line, [], False, False

    def __str__(self):
        return f"{self.path} [{self.name}]"


def regions_of(path, text):
    """The regions of a file, and what is wrong with its marks."""
    regions, wrong = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        mark = MARK.match(line)
        if not mark:
            for region in regions.values():
                if not region.closed:
                    region.text.append(line.strip())
        elif not mark[1]:
            if mark[2] in regions and not regions[mark[2]].closed:
                wrong.append(f"{path}:{number}: a second [{mark[2]}] inside of it")
            regions.setdefault(mark[2], Region(path, mark[2], number)).closed = False
        elif mark[2] not in regions or regions[mark[2]].closed:
            wrong.append(f"{path}:{number}: [/{mark[2]}] closes nothing")
        else:
            regions[mark[2]].closed = True
    wrong += [f"{path}:{r.line}: [{r.name}] has no end" for r in regions.values() if not r.closed]
    return list(regions.values()), wrong


def blocks_of(text):
    """(line of the fence, what stands behind it, its lines) of each block of a page."""
    start, info, lines = None, "", []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line.strip())
        elif start is None:
            start, info, lines = number, line[3:].strip(), []
        else:
            yield start, info, lines
            start = None


def compare(page, start, lines, regions):
    """Marks the region that the block is; or yields where it differs from the one that is most like it."""
    same = [region for region in regions if region.text == lines]
    for region in same:
        region.shown = True
    if same:
        return
    nearest = max(regions, key=lambda r: difflib.SequenceMatcher(None, r.text, lines, autojunk=False).ratio(), default=None)
    if nearest is None:
        yield f"{page}:{start}: there are no regions"
        return
    nearest.shown = True  # it is meant: one finding is enough
    at = next((i for i, (a, b) in enumerate(zip(lines, nearest.text)) if a != b), min(len(lines), len(nearest.text)))
    here = lines[at] if at < len(lines) else "the end"
    there = nearest.text[at] if at < len(nearest.text) else "the end"
    yield f"{page}:{start + 1 + at}: differs from {nearest}: “{here}”, there “{there}”"


def check(root):
    findings, regions = [], []
    sources = sorted(p for p in (root / "examples").rglob("*") if p.suffix in (".cc", ".h", ".proto"))
    for source in sources:
        path = str(source.relative_to(root))
        found, wrong = regions_of(path, source.read_text())
        regions += found
        findings += wrong
        if source.suffix == ".cc" and found:
            cmake = (source.parent / "CMakeLists.txt").read_text()
            if not re.search(rf"\b{source.stem}\b", cmake):
                findings.append(f"{path}:1: is not built: {source.parent.name}/CMakeLists.txt does not name it")
    count = 0
    for source in sorted((root / "docs/guide").glob("*.md")):
        page, text = str(source.relative_to(root)), source.read_text()
        for start, info, lines in blocks_of(text):
            if info in CHECKED:
                count += 1
                findings += compare(page, start, lines, regions)
            elif info not in EXEMPT:
                findings.append(f"{page}:{start}: “```{info}” is neither checked nor exempt")
        for number, line in enumerate(text.splitlines(), 1):
            for target in LINK.findall(line):
                if not target.startswith(("http:", "https:")) and not (source.parent / target).exists():
                    findings.append(f"{page}:{number}: there is no {target}")
    findings += [f"{r.path}:{r.line}: no page shows [{r.name}]" for r in regions if not r.shown]
    return findings, count


def self_test():
    page, program = "docs/guide/planted.md", "examples/guide/planted.cc"
    code = "// A program.\n// [outer]\nint f() {\n  // [inner]\n  return 1;\n  // [/inner]\n}\n// [/outer]\n"
    text = "```cpp\nint f() {\n  return 1;\n}\n```\n\n```cpp\nreturn 1;\n```\n\n```go\nf()\n```\n[a page](planted.md#there)\n"
    cmake = "guide_program(planted)\n"
    cases = {
        "nothing": (code, text, cmake, None),
        "another line": (code, text.replace("  return 1;", "  return 2;"), cmake, f"{page}:3: differs from {program} [outer]"),
        "a line less": (code, text.replace("}\n```", "```"), cmake, f"{page}:4: differs from {program} [outer]"),
        "a line more": (code, text.replace("}\n```", "}\nint g();\n```"), cmake, f"{page}:5: differs from {program} [outer]"),
        "an unknown language": (code, text.replace("```go", "```c++"), cmake, f"{page}:11: “```c++”"),
        "a region that is not shown": (code, text.replace("return 1;\n```", "int f() {\nreturn 1;\n}\n```"), cmake,
                                       f"{program}:4: no page shows [inner]"),
        "a region without an end": (code.replace("// [/outer]\n", ""), text, cmake, f"{program}:2: [outer] has no end"),
        "an end without a region": (code.replace("  // [inner]\n", ""), text, cmake, "[/inner] closes nothing"),
        "a region inside of itself": (code.replace("inner", "outer"), text, cmake, "a second [outer]"),
        "a region in pieces": (code.replace("  return 1;\n", "  return 1;\n  // [/inner]\n  g();\n  // [inner]\n  h();\n"),
                               text.replace("  return 1;\n", "  return 1;\n  g();\n  h();\n").replace("\nreturn 1;\n", "\nreturn 1;\nh();\n"),
                               cmake, None),
        "a program that is not built": (code, text, "", f"{program}:1: is not built"),
        "a dead link": (code, text.replace("planted.md#", "gone.md#"), cmake, f"{page}:14: there is no gone.md"),
    }
    wrong = 0
    for what, (planted, shown, built, want) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, content in ((program, planted), (page, shown), ("examples/guide/CMakeLists.txt", built)):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(content)
            findings, _ = check(root)
        if (want is None and findings) or (want and not any(want in finding for finding in findings)):
            print(f"{what}: wanted {want!r}, found {findings}")
            wrong += 1
    # The same in the guide as it is.
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ("docs", "examples"):
            shutil.copytree(ROOT / name, root / name)
        first = root / "docs/guide/first-service.md"
        first.write_text(first.read_text().replace("register_service(notebook)", "register(notebook)", 1))
        if not any("register(notebook)" in finding for finding in check(root)[0]):
            print("the guide: did not find a line that was changed")
            wrong += 1
    print(f"check_guide self-test: {len(cases) + 1} cases, {wrong} wrong")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    findings, count = check(ROOT)
    print(*findings, sep="\n", end="\n" if findings else "")
    print(f"check_guide: {count} snippets, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
