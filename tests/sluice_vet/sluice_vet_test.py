#!/usr/bin/env python3
"""sluice-vet finds in bad/ what the lines say (`// expect: RULE`), nothing in good/ and nothing in examples/.

  sluice_vet_test.py --source SOURCE --build BUILD
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77


class Test:
    def __init__(self, args):
        self.tool, self.args, self.failures = args.source / "tools/sluice-vet", args, []

    def expect(self, holds, text):
        if not holds:
            self.failures.append(text)

    def run(self, *words, **environment):
        return subprocess.run([sys.executable, self.tool, *map(str, words)], capture_output=True, text=True, cwd=self.args.source,
                              env={**os.environ, **environment})

    def database(self, folder, files, *flags):
        """A compile_commands.json as g++ users have it, with flags that clang does not know."""
        entries = [{"directory": str(folder), "file": str(file), "arguments": [
            "g++", "-std=c++20", "-fcoroutines", "-Wno-mismatched-new-delete", "-Werror", "-I", str(self.args.source / "include"),
            "-I", str(HERE.parent), *flags, "-O1", "-c", str(file), "-o", "x.o"]} for file in files]
        (folder / "compile_commands.json").write_text(json.dumps(entries))
        return folder

    def files(self, folder):
        bad, good = sorted((HERE / "bad").glob("*.cc")), sorted((HERE / "good").glob("*.cc"))
        wanted = {(str(file.relative_to(self.args.source)), number, rule)
                  for file in bad for number, line in enumerate(file.read_text().splitlines(), 1)
                  for rule in re.findall(r"// expect: ([\w-]+)", line)}
        started = time.monotonic()
        # One file a kind, of which these are the headers: most of the time goes into reading sluice's own.
        for kind, files in (("bad", bad), ("good", good)):
            (folder / f"{kind}.cc").write_text("".join(f'#include "{file}"\n' for file in files))
        done = self.run("-p", self.database(folder, [folder / "bad.cc", folder / "good.cc"]))
        took = time.monotonic() - started
        found = {(m[1], int(m[2]), m[3]) for m in re.finditer(r"(?m)^(\S+?):(\d+):\d+: ([\w-]+): .", done.stdout)}
        for file, line, rule in sorted(wanted - found):
            self.failures.append(f"{file}:{line}: {rule} was not found")
        for file, line, rule in sorted(found - wanted):
            self.failures.append(f"{file}:{line}: {rule} was found, but is not expected")
        self.expect(done.returncode == 1 and not done.stderr, f"exit code {done.returncode} over bad files: {done.stderr}")
        print(f"{len(bad + good)} files, as two, in {took:.1f} s")
        names = set(re.findall(r"(?m)^([\w-]+)$", self.run("--rules").stdout))
        shown = {file.stem.replace("_", "-") for file in bad} & {file.stem.replace("_", "-") for file in good}
        self.expect(names == shown == {rule for _, _, rule in wanted},
                    f"rules without a bad and a good file, or the other way round: {sorted(names ^ shown)}")

    def examples(self):
        done = self.run("-p", self.args.build, *sorted((self.args.source / "examples").rglob("*.cc")))
        self.expect(done.returncode == 0 and not done.stdout, f"over examples/: {done.returncode}: {done.stdout}{done.stderr}")

    def usage(self, folder):
        good = HERE / "good/discarded_op.cc"
        self.expect(self.run().returncode == 2, "it runs without -p")
        done = self.run("-p", folder / "nowhere", good)
        self.expect(done.returncode == 2 and "CMAKE_EXPORT_COMPILE_COMMANDS" in done.stderr, f"no database: {done.stderr}")
        done = self.run("-p", self.database(folder, [good]), __file__)
        self.expect(done.returncode == 2 and "not in the compile_commands.json" in done.stderr, f"unknown file: {done.stderr}")
        done = self.run("-p", folder, good, PATH="/nowhere", SLUICE_CLANG_QUERY="")
        self.expect(done.returncode == 2 and "clang-tools-14" in done.stderr, f"no clang-query: {done.stderr}")
        broken = folder / "broken.cc"
        broken.write_text("int x = y;\n")
        done = self.run("-p", self.database(folder, [broken]), broken)
        self.expect(done.returncode == 2 and "undeclared identifier 'y'" in done.stderr, f"broken code: {done.returncode} {done.stderr}")

    def headers_and_exceptions(self, folder):
        """Findings in a header of the program's own are told once, and an allowed one is not."""
        (folder / "own.h").write_text('#include "sluice_vet/board.h"\ninline void f() { board::by_value("x"); }\n'
                                      'inline void g() { board::by_value("x"); }  // sluice-vet-allow: discarded-task for this test\n'
                                      '// sluice-vet-allow: discarded-task for this test\ninline void h() { board::by_value("x"); }\n')
        users = [folder / "one.cc", folder / "two.cc"]
        for user in users:
            user.write_text('#include "own.h"\n')
        done = self.run("-p", self.database(folder, users, "-I", str(folder)))
        self.expect(done.returncode == 1 and re.fullmatch(r"\S*own\.h:2:\d+: discarded-task: .*\n", done.stdout), f"own.h: {done.stdout}{done.stderr}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.source = args.source.resolve()
    test = Test(args)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        done = test.run("-p", test.database(folder, []))
        if done.returncode == 2 and "clang-query" in done.stderr:
            print(f"SKIPPED, NOTHING WAS TESTED: {done.stderr}")
            return 1 if os.environ.get("CI") == "true" else SKIPPED
        test.files(folder)
        test.examples()
        test.usage(folder)
        test.headers_and_exceptions(folder)
    print("\n".join(test.failures) or "as expected")
    return 1 if test.failures else 0


if __name__ == "__main__":
    sys.exit(main())
