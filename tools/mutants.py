#!/usr/bin/env python3
"""Changes one token of the library at a time and looks whether a test notices: the end of `./dev mutants`.

  mutants.py [--seed S] [--seconds N | --count N] [--file F] [--again] [--self-test]

It works in a copy below build/mutants, whose layers are shared libraries: a changed file is compiled alone, its layer
is linked beside the real one, and the tests load it instead. A test that fails, crashes, or neither ends nor gets
anywhere has caught the change. The changes follow from the seed and the sources; those that do not compile count for
nothing. tools/mutants.txt has the changes after which nothing can differ, each with its reason.

--again takes the survivors of earlier runs that are still there, --file one file (a header too: all that includes it
is then compiled again). The last line is `N passed, M failed, K skipped`: caught, survived, nothing can differ.
"""
import argparse
import collections
import dataclasses
import json
import os
import pathlib
import random
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build" / "mutants"
SOURCE = SCRATCH / "source"
BUILD = SCRATCH / "build"
RESULTS = SCRATCH / "results.jsonl"
HARMLESS = ROOT / "tools" / "mutants.txt"

# By turns; the large ones come twice as often.
TURNS = ("transport", "http2", "net", "transport", "async", "rpc", "http2", "client", "wire", "server")
# The ctest entries that fit each layer, in the order in which they are likely to notice.
FITTING = {
    "async": ("async_test", "net_test", "e2e_test", "lifecycle_test", "rpc_test", "transport_test", "asio_test",
              "realtime_test", r"faults_test\.1"),
    "http2": ("http2_test", "wire_rules_test", "transport_test", "e2e_test", "misbehaviour_test", "attacks_test",
              "fuzz_(server|client|hpack|huffman|split|pair)", "lifecycle_test", "memory_test", r"faults_test\.1"),
    "net": ("net_test", "testing_test", "e2e_test", "lifecycle_test", "attacks_test", "wire_rules_test", "realtime_test",
            r"faults_test\.1"),
    "rpc": ("rpc_test", "stub_test", "transport_test", "e2e_test", "wire_rules_test", "compression_test", "rich_errors_test",
            r"faults_test\.1"),
    "wire": ("wire_test", "wire_rules_test", "transport_test", "e2e_test", r"faults_test\.1"),
    "transport": ("transport_test", "wire_rules_test", "e2e_test", "lifecycle_test", "misbehaviour_test", "attacks_test",
                  "memory_test", "realtime_test", r"scopes_test\.\d", r"faults_test\.1"),
    "client": ("lifecycle_test", "e2e_test", "wire_rules_test", "misbehaviour_test", "attacks_test", "realtime_test",
               r"faults_test\.1"),
    "server": ("server_test", "lifecycle_test", "e2e_test", "wire_rules_test", "misbehaviour_test", "attacks_test",
               "realtime_test", r"faults_test\.1"),
}
SLOW = 0.3  # seconds; tests that take longer run last
STILL = 10  # seconds without any work, with every thread asleep: it hangs


# --- What can be changed.

@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    begin: int  # of what is replaced
    end: int
    new: str
    kind: str
    line: int     # from 1
    text: str     # of the line, without blanks at its ends
    column: int   # in that text
    nth: int      # of the lines of the file that read so, from 0
    old: str

    def key(self):
        return (self.file, self.text, self.nth, self.column, self.new)

    def change(self):
        short = self.old if len(self.old) < 60 else self.old[:57] + "..."
        return f"{' '.join(short.split())} -> {self.new or 'nothing'}"

    def __str__(self):
        return f"{self.file}:{self.line}: {self.change()}"


SWAPS = {
    "relation": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "logic": {"&&": "||", "||": "&&", "&": "|", "|": "&", "true": "false", "false": "true", "kYes": "kNo", "kNo": "kYes"},
    "sign": {"+": "-", "-": "+", "+=": "-=", "-=": "+=", "++": "--", "--": "++", "*": "/", "<<": ">>", ">>": "<<",
             "|=": "&=", "&=": "|=", "min": "max", "max": "min"},
}
# clang-format puts blanks around operators with two sides, and none around templates' brackets and references.
OPERATOR = re.compile(r"(?<= )(?:<=|>=|==|!=|&&|\|\||\+=|-=|\|=|&=|<<|>>|<|>|&|\||\+|-|\*)(?= )")
STEP = re.compile(r"\+\+|--")
WORD = re.compile(r"\b(?:true|false|kYes|kNo)\b|(?<=std::)(?:min|max)\b(?!\w)")
NOT = re.compile(r"!(?=[\w(*])")
NUMBER = re.compile(r"(?<![\w.'])(?:0x[0-9a-fA-F]+|\d+)(?![\w.'])")
# A statement that is no declaration: what is called or assigned, up to its semicolon.
STATEMENT = re.compile(r"(?:(?<=[;{})])|(?<=\belse))\s+(?=(?:\+\+|--|\*|\(|[A-Za-z_])[^;{}]*;)")
NO_STATEMENT = re.compile(
    r"(?:return|if|for|while|switch|case|default|do|using|const|constexpr|auto|static|struct|class|enum|union|namespace|"
    r"template|public|private|protected|break|continue|else|goto|typedef|friend|assert|static_assert|throw|co_return|"
    r"extern|inline|virtual|explicit|operator|asm)\b")
DECLARATION = re.compile(r"[\w:]+(?:<[^;]*>)?(?:\s*[*&]+\s*|\s+)(?:\w+|\[[\w, ]+\])\s*(?:[=;({,\[]|$)")
VOID_RETURN = re.compile(r"\breturn ((?!std::)[a-z_][\w.>-]*\([^;{}]*\));")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_of(text):
    """The text with all that is no code, and what only checks, blanked out; as long as before."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|\[\[.*?\]\]', blank, text, flags=re.S)
    text = re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text)
    out = list(text)
    for match in re.finditer(r"\b(?:static_)?assert\(", text):
        depth, at = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        out[match.start():at] = re.sub(r"[^\n]", " ", text[match.start():at])
    return "".join(out)


def inside_brackets(code):
    """For each place: is it between round brackets, as the parts of a `for` are? A body in braces begins anew."""
    depths, inside = [0], []
    for c in code:
        if c == "{":
            depths.append(0)
        elif c == "}" and len(depths) > 1:
            depths.pop()
        elif c in "()":
            depths[-1] += 1 if c == "(" else -1
        inside.append(depths[-1] > 0)
    return inside


def changes(code):
    """(begin, end, new, kind) for all that can be changed in `code`."""
    for match in [*OPERATOR.finditer(code), *STEP.finditer(code), *WORD.finditer(code)]:
        old = match.group(0)
        for kind, swaps in SWAPS.items():
            if old in swaps:
                yield match.start(), match.end(), swaps[old], kind
    for match in NOT.finditer(code):
        yield match.start(), match.end(), "", "logic"
    for match in NUMBER.finditer(code):
        line = code[code.rfind("\n", 0, match.start()) + 1:match.start()] + code[match.start():].split("\n", 1)[0]
        if len(NUMBER.findall(line)) > 6 or re.match(r"\s*template\b|.*\b(?:alignas|sizeof)\b", line):
            continue  # a table, which is compared with the document it comes from
        value = int(match.group(0), 0)
        yield match.start(), match.end(), str(value + 1), "constant"
        if value > 0:
            yield match.start(), match.end(), str(value - 1), "constant"
    inside = inside_brackets(code)
    for match in STATEMENT.finditer(code):
        begin = match.end()
        if inside[begin - 1]:
            continue
        end = code.index(";", begin) + 1
        statement = code[begin:end]
        if NO_STATEMENT.match(statement) or DECLARATION.match(statement) or not re.search(r"[(=]|\+\+|--", statement):
            continue
        if statement.count("(") == statement.count(")"):
            yield begin, end, ";", "statement"
    for match in VOID_RETURN.finditer(code):
        yield match.start(1), match.end(1), "", "statement"


def mutants_of(file, text):
    found = {}
    stripped = [line.strip() for line in text.split("\n")]
    for begin, end, new, kind in changes(code_of(text)):
        line_begin = text.rfind("\n", 0, begin) + 1
        line = text[line_begin:].split("\n", 1)[0]
        indent = len(line) - len(line.lstrip())
        number = text.count("\n", 0, begin)
        nth = stripped[:number].count(line.strip())
        mutant = Mutant(file, begin, end, new, kind, number + 1, line.strip(), begin - line_begin - indent, nth,
                        text[begin:end])
        found.setdefault(mutant.key(), mutant)
    return sorted(found.values(), key=lambda m: (m.begin, m.end, m.new))


def applied(mutant, text):
    return text[:mutant.begin] + mutant.new + text[mutant.end:]


def layer_of(file):
    return pathlib.PurePosixPath(file.replace("include/sluice/", "src/")).parts[1]


def drawn(seed, source, file=None):
    """Endless; layers take turns, then a file by its size, a kind, a place."""
    rng = random.Random(seed)
    pools = {}
    for layer in [layer_of(file)] if file else dict.fromkeys(TURNS):
        paths = [source / file] if file else sorted((source / "src" / layer).glob("*.cc"))
        by_file = []
        for path in paths:
            if path.name.endswith("_test.cc"):
                continue
            kinds = collections.defaultdict(list)
            for mutant in mutants_of(str(path.relative_to(source)), path.read_text()):
                kinds[mutant.kind].append(mutant)
            if kinds:
                by_file.append(dict(sorted(kinds.items())))
        if by_file:
            pools[layer] = by_file
    turns = [layer for layer in TURNS if layer in pools] or list(pools)
    seen, idle, turn = set(), 0, 0
    while turns and idle < 2000:  # a small file has only so many
        layer = turns[turn % len(turns)]
        turn += 1
        by_file = pools[layer]
        weights = [sum(map(len, kinds.values())) for kinds in by_file]
        kinds = rng.choices(by_file, weights)[0]
        mutant = rng.choice(kinds[rng.choice(list(kinds))])
        if mutant.key() in seen:
            idle += 1
            continue
        idle = 0
        seen.add(mutant.key())
        yield mutant


class Harmless:
    """tools/mutants.txt: `file ## line ## change ## why`, a change being `*` or what a Mutant's change() says."""

    def __init__(self, path=HARMLESS):
        self.lines = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = [field.strip() for field in line.split(" ## ")]
            if len(fields) != 4 or not all(fields):
                sys.exit(f"{path}:{number}: want `file ## line ## change ## why`, got: {line}")
            self.lines.append(tuple(fields))

    def why(self, mutant):
        for file, text, change, why in self.lines:
            if file == mutant.file and text == mutant.text and change in ("*", mutant.change()):
                return why
        return None

    def stale(self, source):
        """Those whose line is not there any more."""
        return [f"{file}: {text}" for file, text, _, _ in self.lines
                if not (source / file).is_file() or
                text not in map(str.strip, (source / file).read_text().splitlines())]


# --- The copy and its build.

def copy_project():
    """What git knows or would add. What is the same keeps its time, and is not built again."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for old in [p for p in SOURCE.rglob("*") if p.is_file()]:
        if str(old.relative_to(SOURCE)) not in names:
            old.unlink()
    for name in sorted(names):
        source, target = ROOT / name, SOURCE / name
        content = source.read_bytes()
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(source.stat().st_mode)


def configure():
    linker = ["-fuse-ld=gold"] if shutil.which("ld.gold") else []
    subprocess.run(["cmake", "--preset", "dev", "-S", SOURCE, "-B", BUILD, "-DSLUICE_SHARED_LAYERS=ON",
                    "-DSLUICE_HEADER_CHECK=OFF", "-DCMAKE_LINK_DEPENDS_NO_SHARED=ON",
                    f"-DCMAKE_SHARED_LINKER_FLAGS={' '.join(linker)}", f"-DCMAKE_EXE_LINKER_FLAGS={' '.join(linker)}"],
                   cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)


def ninja(*targets):
    done = subprocess.run(["ninja", "-C", BUILD, "-j1", *targets], capture_output=True, text=True)
    return done.stdout[-4000:] if done.returncode else ""


class Layers:
    """How each file of the library is compiled, and its layer linked."""

    def __init__(self):
        self.compile = {}
        for entry in json.loads((BUILD / "compile_commands.json").read_text()):
            self.compile[str(pathlib.Path(entry["file"]).relative_to(SOURCE))
                         if entry["file"].startswith(str(SOURCE)) else entry["file"]] = entry["command"]
        self.changed = SCRATCH / "changed"
        shutil.rmtree(self.changed, ignore_errors=True)
        self.changed.mkdir(parents=True)
        self.links = {}

    def common(self, layer):
        """What the files of a layer include, compiled once."""
        header = self.changed / f"{layer}.h"
        if not header.exists():
            files = [p for p in sorted((SOURCE / "src" / layer).glob("*.cc")) if not p.name.endswith("_test.cc")]
            includes = {i for f in files for i in re.findall(r"(?m)^#include [<\"].*", f.read_text())}
            header.write_text("\n".join(sorted(includes)) + "\n")
            flags = self.flags(str(files[0].relative_to(SOURCE)))
            subprocess.run([*flags, "-x", "c++-header", header, "-o", f"{header}.gch"], cwd=BUILD, check=True)
        return header

    def flags(self, file):
        """The compiler and its flags, without the cache, debug symbols, warnings, and what names the files."""
        words = shlex.split(self.compile[file])
        while not re.search(r"(g|clang)\+\+[\d.-]*$", words[0]):
            words.pop(0)
        at = words.index("-o")
        del words[at:at + 2], words[words.index("-c"):]
        unwanted = re.compile(r"-g\d?|-W.*|-Dsluice_\w+_EXPORTS")  # what another file lacks keeps `common` from being used
        return [w for w in words if not unwanted.fullmatch(w)] + ["-w"]

    def build(self, mutant, text):
        """The changed layer's library, or null if it does not compile."""
        layer = layer_of(mutant.file)
        changed = self.changed / pathlib.PurePosixPath(mutant.file).name
        changed.write_text(text)
        made = changed.with_suffix(".o")
        command = [*self.flags(mutant.file), "-include", self.common(layer), "-c", changed, "-o", made]
        if subprocess.run(command, cwd=BUILD, capture_output=True).returncode:
            return None
        library = self.changed / f"libsluice_{layer}.so"
        words = shlex.split(self.link(layer))
        stem = f"/{pathlib.PurePosixPath(mutant.file).name}.o"
        words = [str(made) if w.endswith(stem) else w for w in words]
        words[words.index("-o") + 1] = str(library)
        subprocess.run(words, cwd=BUILD, check=True)
        return library

    def link(self, layer):
        if layer not in self.links:
            out = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", f"sluice_{layer}"], check=True,
                                 capture_output=True, text=True).stdout.splitlines()
            line = [w for w in out if f"-o libsluice_{layer}.so" in w][-1]
            self.links[layer] = next(part for part in line.split("&&") if "-shared" in part)
        return self.links[layer]


# --- The tests.

@dataclasses.dataclass
class Run:
    """How one process ended."""
    failure: str  # empty: it passed
    test: str     # the one that was running, if it is GoogleTest's
    cpu: float


def run(command, env, cpu_limit, still=STILL):
    """Runs a test to its end, or until it has used up its time or sleeps for ever. Its time is the processor's: this
    process is the least important one of the machine, and may have to wait."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_limit) + 1, int(cpu_limit) + 3))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, 256 << 20))
        resource.setrlimit(resource.RLIMIT_DATA, (6 << 30, 6 << 30))

    with tempfile.TemporaryFile() as output:
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env,
                                   cwd=SCRATCH, preexec_fn=limit, start_new_session=True)
        failure = watch(process, still)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        output.seek(0)
        text = output.read().decode(errors="replace")
    running = re.findall(r"(?m)^\[ RUN      \] (\S+)", text)
    failed = re.findall(r"(?m)^\[  FAILED  \] ([\w/.]+)", text)
    if not failure and process.returncode:
        failure = "fails" if process.returncode > 0 else f"ends with signal {-process.returncode}"
    if "[==========] 0 tests" in text or "[  PASSED  ] 0 tests" in text:
        failure = failure or "no test ran"
    cpu = used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime
    return Run(failure, (failed or running or [""])[0 if failed else -1], cpu)


def watch(process, still):
    """Waits for its end. The failure, if it hangs."""
    last, since = None, time.monotonic()
    while True:
        try:
            process.wait(timeout=0.5)
            return ""
        except subprocess.TimeoutExpired:
            pass
        try:
            states = []
            ticks = 0
            for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
                fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
                states.append(fields[0])
                ticks += int(fields[11]) + int(fields[12])
        except OSError:
            continue  # it has just ended, or a thread of it
        now = time.monotonic()
        if ticks != last or "R" in states or "D" in states:
            last, since = ticks, now
        elif now - since > still:
            os.killpg(process.pid, 9)
            process.wait()
            return "hangs"


class Tests:
    """The ctest entries that fit, and how long the unchanged ones take."""

    def __init__(self):
        self.entries = {}
        self.load()
        self.times_path = SCRATCH / "times.json"
        self.times = json.loads(self.times_path.read_text()) if self.times_path.exists() else {}
        self.catches_path = SCRATCH / "catches.json"  # who noticed what, so that they are asked first
        self.catches = json.loads(self.catches_path.read_text()) if self.catches_path.exists() else {}

    def load(self):
        """ctest tells no command of what is not built yet: to be called again then."""
        shown = subprocess.run(["ctest", "--show-only=json-v1"], cwd=BUILD, check=True, capture_output=True, text=True)
        for entry in json.loads(shown.stdout)["tests"]:
            if "command" not in entry:
                self.entries[entry["name"]] = None
                continue
            env = next((p["value"] for p in entry.get("properties", []) if p["name"] == "ENVIRONMENT"), [])
            command = [a for a in entry["command"] if not a.startswith("--gtest_output")]
            self.entries[entry["name"]] = (command, dict(e.split("=", 1) for e in env),
                                           len(command) < len(entry["command"]))

    def fitting(self, layer):
        return [name for pattern in FITTING[layer] for name in sorted(self.entries) if re.fullmatch(pattern, name)]

    def targets(self, layers):
        return sorted({n.split(".")[0] for layer in layers for n in self.fitting(layer)})

    def run(self, name, library=None, filter_=None, cpu=None):
        command, env, gtest = self.entries[name]
        env = {**os.environ, **env}
        if library:
            env["LD_PRELOAD"] = str(library)
        if gtest:
            command = [*command, "--gtest_fail_fast", *([f"--gtest_filter={filter_}"] if filter_ else [])]
        base = self.times[name]["cpu"] if name in self.times else 600
        return run(command, env, cpu or 5 + 3 * base)

    def measure(self, layers):
        """Times of the unchanged tests, once a build; also that they pass."""
        for name in dict.fromkeys(n for layer in layers for n in self.fitting(layer)):
            command, env, gtest = self.entries[name]
            stamp = os.stat(command[0]).st_mtime
            if self.times.get(name, {}).get("stamp") == stamp:
                continue
            report = SCRATCH / "report.json"
            for _ in range(3):  # this is the last one to get the processor: a test may lose patience
                done = run([*command, *([f"--gtest_output=json:{report}"] if gtest else [])], {**os.environ, **env}, 1200)
                if not done.failure:
                    break
            else:
                sys.exit(f"{name} of the code as it is: {done.failure} {done.test}")
            slow = []
            if gtest:
                for suite in json.loads(report.read_text())["testsuites"]:
                    slow += [f"{suite['name']}.{t['name']}" for t in suite["testsuite"]
                             if float(t["time"].rstrip("s")) > SLOW]
            self.times[name] = {"cpu": done.cpu, "slow": slow, "stamp": stamp}
            self.times_path.write_text(json.dumps(self.times))

    def catch(self, mutant, library):
        """(entry, failure, test) of the first test that notices twice, or None."""
        names = self.fitting(layer_of(mutant.file))
        known = self.catches.get(mutant.file, {})
        first = sorted(known, key=lambda key: -known[key])[:12]
        for name in names:  # those that noticed something in this file before
            tests = [key.split(" ", 1)[1] for key in first if key.startswith(f"{name} ")]
            if tests and (caught := self.noticed(name, library, ":".join(tests))):
                return self.remember(mutant, *caught)
        for name, filter_ in self.rounds(names):
            if caught := self.noticed(name, library, filter_):
                return self.remember(mutant, *caught)
        return None

    def rounds(self, names):
        """(entry, filter): the quick tests of all entries, then the slow ones of all."""
        for quick in (True, False):
            for name in names:
                gtest, times = self.entries[name][2], self.times[name]
                if gtest and (quick or times["slow"]):
                    yield name, ("-" if quick else "") + ":".join(times["slow"])
                elif not gtest and quick == (times["cpu"] <= SLOW):
                    yield name, None

    def noticed(self, name, library, filter_):
        done = self.run(name, library, filter_)
        if not done.failure or done.failure == "no test ran":
            return None
        if done.failure != "fails" or not done.test:
            return name, done.failure, done.test
        # On a busy machine a test may fail by itself; one that notices does so again.
        for _ in range(2):
            if self.run(name, library, done.test).failure:
                return name, done.failure, done.test
        return None

    def remember(self, mutant, name, failure, test):
        counts = self.catches.setdefault(mutant.file, {})
        if test:
            counts[f"{name} {test}"] = counts.get(f"{name} {test}", 0) + 1
            self.catches_path.write_text(json.dumps(self.catches))
        return name, failure, test


# --- The whole.

def survivors_of_before():
    last = {}
    if RESULTS.exists():
        for line in RESULTS.read_text().splitlines():
            entry = json.loads(line)
            last[tuple(entry["key"])] = entry["outcome"]
    return [key for key, outcome in last.items() if outcome == "survived"]


def chosen(options):
    if not options.again:
        yield from drawn(options.seed, SOURCE, options.file)
        return
    for key in survivors_of_before():
        path = SOURCE / key[0]
        if path.is_file():
            yield from (m for m in mutants_of(key[0], path.read_text()) if m.key() == key)


def build_header(mutant, text, targets):
    """Builds all that includes a changed header. Null if it does not compile."""
    path = SOURCE / mutant.file
    path.write_text(text)
    return None if ninja(*targets) else ""


def search(options):
    harmless = Harmless()
    copy_project()
    configure()
    layers = [layer_of(options.file)] if options.file else list(FITTING)
    tests = Tests()
    if words := ninja(*tests.targets(layers)):
        sys.exit(f"{words}\nthe copy does not build")
    tests.load()
    tests.measure(layers)
    build = Layers()
    for line in harmless.stale(SOURCE):
        print(f"no such line any more, for tools/mutants.txt: {line}")
    tally = collections.Counter()
    end = time.monotonic() + options.seconds if options.seconds else None
    for mutant in chosen(options):
        ran = tally["caught"] + tally["survived"] + tally["nothing can differ"]
        if (end and time.monotonic() > end) or (options.count and ran >= options.count):
            break
        begun = time.monotonic()
        detail = harmless.why(mutant) or ""
        outcome = "nothing can differ" if detail else try_out(mutant, tests, build)
        if isinstance(outcome, tuple):
            outcome, detail = "caught", " ".join(filter(None, (outcome[0], outcome[2], outcome[1])))
        tally[outcome] += 1
        if outcome == "does not compile":
            continue
        with RESULTS.open("a") as results:
            results.write(json.dumps({"key": mutant.key(), "outcome": outcome, "detail": detail,
                                      "seconds": round(time.monotonic() - begun, 1), "seed": options.seed}) + "\n")
        shown = f"{outcome}: {mutant}" + (f"  [{detail}]" if detail else "")
        print(shown + (f"\n    {mutant.text}" if outcome == "survived" else ""), flush=True)
    print(f"{tally['does not compile']} more did not compile")
    print(f"{tally['caught']} passed, {tally['survived']} failed, {tally['nothing can differ']} skipped")
    return 1 if tally["survived"] or not tally["caught"] + tally["nothing can differ"] else 0


def try_out(mutant, tests, build):
    whole = (SOURCE / mutant.file).read_text()
    text = applied(mutant, whole)
    if not mutant.file.endswith(".h"):
        library = build.build(mutant, text)
        if library is None:
            return "does not compile"
        return tests.catch(mutant, library) or "survived"
    try:
        if build_header(mutant, text, tests.targets([layer_of(mutant.file)])) is None:
            return "does not compile"
        return tests.catch(mutant, None) or "survived"
    finally:
        (SOURCE / mutant.file).write_text(whole)


# --- Its own test.

SAMPLE = r'''#include <vector>
// a < b
constexpr std::size_t kSize = 64;
template <class T>
void f(std::vector<int>&& v, Chain& data) {
  assert(v.size() < 3 && "few");
  if (a < b && !done_) ++count_;
  Chain& chain = data;
  const int n = 0;
  data.clear();
  for (int i = 9; i < n; i++) {
  }
  while (!stop) step(
      one, true);
  return g("x < y", n + 1);
}
'''
EXPECTED = """9 -> 10|9 -> 8|< -> <=|++ -> --|64 -> 63|64 -> 65|< -> <=|&& -> ||| ! -> nothing|++ -> --|++count_; -> ;|0 -> 1|data.clear(); -> ;|! -> nothing|
step( one, true); -> ;|true -> false|g("x < y", n + 1) -> nothing|+ -> -|1 -> 0|1 -> 2"""


def self_test():
    found = [m.change() for m in mutants_of("src/base/sample.cc", SAMPLE)]
    expected = [e.strip() for e in re.split(r"(?<!\|)\|(?!\|)|(?<=\|\|)\|", EXPECTED.replace("\n", ""))]
    wrong = 0
    if sorted(found) != sorted(expected):
        wrong += 1
        print(f"the sample: wanted {sorted(expected)}, got {sorted(found)}")
    for mutant in mutants_of("src/base/sample.cc", SAMPLE):
        if applied(mutant, SAMPLE) == SAMPLE:
            wrong += 1
            print(f"{mutant} changes nothing")
    first = [m.key() for m, _ in zip(drawn(7, ROOT), range(50))]
    if first != [m.key() for m, _ in zip(drawn(7, ROOT), range(50))]:
        wrong += 1
        print("one seed draws two lists")
    if first == [m.key() for m, _ in zip(drawn(8, ROOT), range(50))]:
        wrong += 1
        print("two seeds draw one list")
    Harmless()
    for script, limit, want in (("exit 3", 5, "fails"), ("kill -9 $$", 5, "ends with signal 9"), ("exit 0", 5, ""),
                                ("while :; do :; done", 1, "ends with signal 24"), ("sleep 1000", 5, "hangs")):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        if (got := run(["sh", "-c", script], dict(os.environ), limit, 1).failure) != want:
            wrong += 1
            print(f"{script}: wanted {want!r}, got {got!r}")
    print(f"mutants self-test: {wrong} wrong")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--file", help="such as src/net/pipe.cc")
    parser.add_argument("--again", action="store_true", help="the survivors of earlier runs")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        sys.exit(self_test())
    if not options.seconds and not options.count and not options.again:
        options.seconds = 600
    if os.nice(0) < 19:
        os.nice(19)
    sys.exit(search(options))


if __name__ == "__main__":
    main()
