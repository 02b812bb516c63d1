#!/usr/bin/env python3
"""Where the instructions of one call go: a scenario of a benchmark program under callgrind with N and with 2N calls,
subtracted function by function, so that start-up, warm-up and end fall out. docs/profiling.md tells how to read it.

  tools/profile_call.py [--program build/profile/bin/bench_sluice] [--scenario unary] [--by function|inlined|line|file]
  tools/profile_call.py --save before.json        and, after a change,        tools/profile_call.py --compare before.json
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import counts  # noqa: E402


class Profile:
    """Costs of one run of callgrind, summed over everything of the same name."""

    def __init__(self):
        self.own = collections.Counter()       # function -> instructions in it
        self.below = collections.Counter()     # function -> instructions in what it calls, itself left out
        self.calls = collections.Counter()     # (caller, function) -> how often it was entered from there
        self.lines = collections.Counter()     # (file, line) -> instructions
        self.code = collections.Counter()      # (object, address) -> instructions; only with addresses
        self.main = None                       # (object, lowest address in main): tells where the program was loaded

    def minus(self, other):
        out = Profile()
        for name in ("own", "below", "calls", "lines", "code"):
            mine, theirs = getattr(self, name), getattr(other, name)
            getattr(out, name).update({k: v - theirs[k] for k, v in mine.items() if v != theirs[k]})
        out.main = self.main
        return out


def plain(name):
    """callgrind numbers the levels of a recursion: f, f'2, f'3."""
    return re.sub(r"'\d+$", "", name)


class Parser:
    """Reads callgrind's own format: names and positions are abbreviated by what came before."""

    def __init__(self, text):
        self.profile, self.names, self.at = Profile(), {}, []
        self.where = {"ob": "", "fl": "", "fn": "", "cfn": ""}
        self.addresses, self.call = False, None
        for line in text:
            self.line(line.rstrip("\n"))

    def line(self, line):
        if re.match(r"[-+*\d]", line):
            self.cost(line.split())
        elif line.startswith("calls="):
            self.call = int(line[6:].split()[0])
        elif line.startswith("positions:"):
            self.addresses = "instr" in line
            self.at = [0] * (len(line.split()) - 1)
        elif found := re.match(r"(ob|fl|fi|fe|fn|cob|cfi|cfl|cfn)=(\(\d+\))?\s?(.*)", line):
            self.name(*found.groups())

    def name(self, kind, number, text):
        table = "ob" if kind.endswith("ob") else "fn" if kind.endswith("fn") else "fl"
        if number:
            text = self.names.setdefault((table, number), text)
        if kind in ("fi", "fe"):
            kind = "fl"
        if table == "fn":
            text = f"[{pathlib.Path(self.where['ob']).name}] {text}" if text.startswith("0x") else plain(text)
        self.where[kind] = text

    def cost(self, fields):
        for i, text in enumerate(fields[:len(self.at)]):
            self.at[i] = (self.at[i] if text == "*" else self.at[i] + int(text, 0) if text[0] in "+-" else int(text, 0))
        value = int(fields[len(self.at)]) if len(fields) > len(self.at) else 0
        profile, caller = self.profile, self.where["fn"]
        if self.call is not None:
            callee = self.where["cfn"]
            profile.calls[(caller, callee)] += self.call
            if callee != caller:
                profile.below[caller] += value
            self.call = None
            return
        profile.own[caller] += value
        profile.lines[(self.where["fl"], self.at[-1])] += value
        if self.addresses:
            profile.code[(self.where["ob"], self.at[0])] += value
            if caller == "main" and (profile.main is None or self.at[0] < profile.main[1]):
                profile.main = (self.where["ob"], self.at[0])


def callgrind(program, scenario, calls, addresses):
    with tempfile.NamedTemporaryFile("r", suffix=".callgrind") as out:
        counts.run([counts.tool("valgrind"), "--tool=callgrind", f"--callgrind-out-file={out.name}",
                    f"--dump-instr={'yes' if addresses else 'no'}", *counts.scenario(program, scenario, calls)])
        return Parser(out).profile


def by_inlined(profile):
    """Instructions by the function whose source they come from, inlined or not; other objects by their name."""
    program, low = profile.main
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    base = low - int(re.search(r"^(\w+) T main$", symbols, re.M)[1], 16)
    mine = [address for (where, address) in profile.code if where == program]
    asked = "".join(f"{address - base:#x}\n" for address in mine)
    done = subprocess.run(["addr2line", "-e", program, "-f", "-i", "-C", "-a"], input=asked, capture_output=True, text=True,
                          check=True)
    out, names = collections.Counter(), {}
    lines = iter(done.stdout.splitlines())
    for text in lines:
        if text.startswith("0x"):
            names[int(text, 16) + base] = next(lines)  # the innermost comes first
    for (where, address), value in profile.code.items():
        out[names[address] if where == program else f"[{pathlib.Path(where).name}]"] += value
    return out


def source_of(file, line):
    """That line of that file, if the file is one of ours."""
    try:
        return (ROOT / short_file(file)).read_text(errors="replace").splitlines()[line - 1].strip()
    except (OSError, IndexError):
        return ""


def short_file(file):
    """Relative to the repository if it is in there."""
    path = pathlib.Path(file).resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(file)


def short(name):
    """Without what makes names of coroutines and templates longer than a line."""
    name = re.sub(r"\[clone [^]]*\]", "", name).replace("(anonymous namespace)::", "")
    name = name.replace("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string")
    return name.strip()


def rows_of(profile, by):
    """[(own, inclusive or None, entered or None, name)] of the whole difference, not yet divided by calls."""
    if by == "inlined":
        return [(value, None, None, short(name)) for name, value in by_inlined(profile).items()]
    if by == "line":
        return [(value, None, None, f"{short_file(file)}:{line}  {source_of(file, line)}")
                for (file, line), value in profile.lines.items()]
    if by == "file":
        out = collections.Counter()
        for (file, _), value in profile.lines.items():
            out[short_file(file)] += value
        return [(value, None, None, name) for name, value in out.items()]
    names, entered = profile.own.keys() | profile.below.keys(), collections.Counter()
    for (_, callee), times in profile.calls.items():
        entered[callee] += times
    return [(profile.own[n], profile.own[n] + profile.below[n], entered[n], short(n)) for n in names]


def show_callers(profile, pattern, calls, width):
    for (caller, callee), times in sorted(profile.calls.items(), key=lambda item: -item[1]):
        if re.search(pattern, callee):
            print(f"{times / calls:8.2f}  {short(callee)[:width // 2]}  <-  {short(caller)[:width]}")


def show(rows, calls, top, width):
    total = sum(row[0] for row in rows)
    print(f"{total / calls:.0f} instructions a call")
    wide = any(row[1] is not None for row in rows)
    print(f"{'self':>8} {'%':>6} " + (f"{'inclusive':>9} {'entered':>8} " if wide else "") + " where")
    seen = 0
    for own, inclusive, entered, name in sorted(rows, key=lambda row: (-row[0], row[3]))[:top]:
        seen += own
        beside = f"{min(inclusive, total) / calls:9.0f} {entered / calls:8.2f} " if wide else ""
        print(f"{own / calls:8.1f} {100 * own / total if total else 0:6.1f} {beside} {name[:width]}")
    if total - seen:
        print(f"{(total - seen) / calls:8.1f} {100 * (total - seen) / total:6.1f} {' ' * 19 if wide else ''} everything else")


def compare(before, now, calls, top, width):
    """What changed since `before` (name -> instructions a call), the largest first."""
    after = collections.Counter()
    for row in now:
        after[row[3]] += row[0] / calls
    names = sorted(after.keys() | before.keys(), key=lambda n: -abs(after[n] - before.get(n, 0)))
    print(f"{sum(before.values()):.0f} -> {sum(after.values()):.0f} instructions a call")
    print(f"{'before':>8} {'now':>8} {'change':>8}  where")
    for name in names[:top]:
        was, value = before.get(name, 0), after[name]
        if round(value - was, 1):
            print(f"{was:8.1f} {value:8.1f} {value - was:+8.1f}  {name[:width]}")


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/profile/bin/bench_sluice"), help="built with -g")
    parser.add_argument("--api", help="for programs that have several")
    parser.add_argument("--scenario", default="unary")
    parser.add_argument("--calls", type=int, default=2000, help="N; the other run makes 2N")
    parser.add_argument("--by", choices=("function", "inlined", "line", "file"), default="function",
                        help="function: symbols, with what they call; inlined, line, file: by where the source stands")
    parser.add_argument("--callers", metavar="REGEX", help="who enters the functions that match, and how often a call")
    parser.add_argument("--top", type=int, default=45)
    parser.add_argument("--width", type=int, default=140, help="of a name")
    parser.add_argument("--save", type=pathlib.Path, help="writes instructions a call by name")
    parser.add_argument("--compare", type=pathlib.Path, help="shows what changed since a --save with the same --by")
    return parser.parse_args(argv)


def main(argv):
    args = parse(argv)
    program = [args.program, *(["--api", args.api] if args.api else [])]
    try:
        once, twice = (callgrind(program, args.scenario, n, args.by == "inlined") for n in (args.calls, 2 * args.calls))
    except (counts.Unavailable, counts.Failed, OSError) as why:
        print(f"profile_call: {why}", file=sys.stderr)
        return 1
    difference = twice.minus(once)
    if args.callers:
        show_callers(difference, args.callers, args.calls, args.width)
        return 0
    rows = rows_of(difference, args.by)
    if args.save:
        named = collections.Counter()
        for row in rows:
            named[row[3]] += row[0] / args.calls
        args.save.write_text(json.dumps(named, indent=1) + "\n")
    if args.compare:
        compare(json.loads(args.compare.read_text()), rows, args.calls, args.top, args.width)
    else:
        show(rows, args.calls, args.top, args.width)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
