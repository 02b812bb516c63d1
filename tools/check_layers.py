#!/usr/bin/env python3
"""Holds every #include against the layers of docs/architecture.md: arrows point down only. Folders of tests/ include
themselves, tests/support and the library.

  check_layers.py [--root DIR] [--compile CXX]   checks a tree; --compile also compiles each public header alone
  check_layers.py --self-test                    plants violations in a scratch tree and expects each to be found
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# What a layer may include besides itself. The same table is in CMakeLists.txt as link dependencies.
BELOW_STUB = {"base", "async", "http2", "net", "rpc", "call", "transport", "client", "server", "runtime", "proto"}
LAYERS = {
    "base": set(),
    "async": {"base"},
    "http2": {"base"},
    "net": {"base", "async"},
    "wire": {"base", "http2"},
    "rpc": {"base", "async"},
    "call": {"base", "async", "rpc", "net"},
    "transport": {"base", "async", "http2", "wire", "rpc", "call", "net"},
    "client": {"base", "async", "rpc", "call", "net"},
    "server": {"base", "async", "rpc", "call", "net"},
    "runtime": {"base", "async", "rpc", "call", "transport", "net", "client", "server"},
    "proto": {"base", "rpc"},
    "errors": {"base"},
    "compression": {"base", "rpc"},
    "stub": BELOW_STUB,
    "services": BELOW_STUB | {"stub"},
    "testing": BELOW_STUB | {"stub"},
}
# These see of net only its interfaces, which are its public headers.
NET_BY_INTERFACE = {"call", "transport", "client", "server"}

# Third-party code by the first part of the include, and who may name it. A sub-folder of a layer that is a
# target of its own is written layer/folder.
THIRD_PARTY = {
    "google": {"proto", "errors", "stub", "services", "testing", "plugin", "tests", "bench", "examples"},
    "openssl": {"net/tls"},
    "zlib.h": {"compression"},
    "zstd.h": {"compression"},
    "zstd_errors.h": {"compression"},
    "ares.h": {"client/dns"},
    "gtest": {"tests"},
    "gmock": {"tests"},
    "nghttp2": {"tests", "bench"},
    "grpcpp": {"tests", "bench"},
    "grpc": {"tests", "bench"},
    "benchmark": {"bench"},
    "asio.hpp": {"tests", "examples"},
    "boost": {"tests", "examples"},
    "uv.h": {"examples"},
}
# Public headers that no layer and no other header includes: bridges, with what each may name besides.
OPT_IN = {"include/sluice/asio.h": {"asio.hpp", "boost/asio.hpp", "fcntl.h"}}
# The kernel's and libc's own headers: behind the Poller and the socket Conns only.
SYSTEM = re.compile(r"^(sys|netinet|net|arpa|linux|asm)/|^(unistd|fcntl|poll|netdb|signal|pthread|sched|dirent|ucontext|spawn|malloc)\.h$")
SYSTEM_USERS = {"async", "net", "tests", "bench", "tools", "plugin", "examples"}
C_HEADER = re.compile(r"^(assert|ctype|errno|limits|locale|math|setjmp|stdarg|stddef|stdint|stdio|stdlib|string|time|wchar)\.h$")
GENERATED = re.compile(r"\.(pb|sluice|grpc\.pb)\.h$")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FREE = {"tests", "bench", "examples", "fuzz", "tools", "plugin"}


class File:
    """Where a source file stands: its layer (or top folder), its folder of tests/, and whether it is public or a test."""

    def __init__(self, path):
        parts = path.parts
        self.path = path
        self.public = parts[0] == "include"
        self.test = bool(re.match(r"fake_\w+\.h$|\w+_test(?:_\w+)?\.(?:cc|h)$", path.name))
        self.area = None  # layer/folder, for folders that are a target of their own
        if self.public:
            self.layer = parts[2] if len(parts) > 3 else "umbrella"
            inner = parts[3:-1]
        elif parts[0] == "src":
            self.layer = parts[1] if len(parts) > 2 else "?"
            inner = parts[2:-1]
        else:
            self.layer = parts[0]
            inner = ()
        self.test_folder = parts[1] if parts[0] == "tests" and len(parts) > 2 else None
        if inner:
            self.area = f"{self.layer}/{inner[0]}"


def third_party_problem(file, first, spelled):
    users = THIRD_PARTY[first]
    if file.layer in users or file.area in users or (file.test and "tests" in users):
        return None
    if file.test and first == "google" and file.layer in users:
        return None
    return f"{file.layer} may not name third-party code: {spelled} (allowed in {', '.join(sorted(users))})"


def layer_problem(file, target, public_target, spelled):
    """Why `file` may not include a header of layer `target`, or None."""
    if file.public and not public_target:
        return f"a public header includes a private one: {spelled}"
    if file.layer == "plugin" and not file.test:
        return f"the plugin stands alone, it includes nothing of the library: {spelled}"
    if file.layer == "examples" and not public_target:
        return f"an example includes a private header: {spelled}"
    if file.layer in FREE or file.layer == "umbrella" or target == file.layer:
        return None
    if target not in LAYERS[file.layer]:
        return f"{file.layer} may not include {target}: {spelled}"
    if target == "net" and not public_target and file.layer in NET_BY_INTERFACE and not file.test:
        return f"{file.layer} sees only net's interfaces (sluice/net/…): {spelled}"
    return None


def include_problem(file, bracket, spelled):
    parts = spelled.split("/")
    if spelled in OPT_IN.get(str(file.path), ()):
        return None
    if f"include/{spelled}" in OPT_IN and (file.public or file.layer in LAYERS):
        return f"an opt-in header is for programs: {spelled}"
    if ".." in parts:
        return f"an include leaves its folder: {spelled}"
    if parts[0] == "sluice":
        if len(parts) == 2:  # the umbrella: for users, not for the layers it is made of
            inside = file.layer in LAYERS and not file.test and file.layer not in ("stub", "services", "testing")
            return f"a layer includes the umbrella header: {spelled}" if inside else None
        if parts[1] not in LAYERS:
            return f"unknown layer: {spelled}"
        return layer_problem(file, parts[1], True, spelled)
    if parts[0] in LAYERS and bracket == '"':
        return layer_problem(file, parts[0], False, spelled)
    if parts[0] in THIRD_PARTY:
        return third_party_problem(file, parts[0], spelled)
    if GENERATED.search(spelled):
        ok = file.test or file.layer in FREE | {"services", "testing"}
        return None if ok else f"{file.layer} may not include generated code: {spelled}"
    if SYSTEM.search(spelled):
        ok = file.layer in SYSTEM_USERS or file.test
        return None if ok else f"{file.layer} may not include a system header: {spelled}"
    if len(parts) == 1 and bracket == "<" and ("." not in spelled or C_HEADER.search(spelled)):
        return None
    if bracket == '"' and parts[0] == "support":
        return None if file.test or file.layer in FREE else f"code includes test support: {spelled}"
    if file.layer in FREE and bracket == '"':
        if file.test_folder and len(parts) > 1 and parts[0] not in (file.test_folder, "support"):
            return f"tests/{file.test_folder} includes another folder, what both use is for tests/support: {spelled}"
        return None
    return f"unknown include, write it from the root of include/ or src/: {spelled}"


def source_files(root):
    for top in ("include", "src", *sorted(FREE)):
        folder = root / top
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.suffix in (".h", ".cc") and path.is_file() and "golden" not in path.parts:
                    yield path.relative_to(root)


def check_includes(root):
    problems, files = [], 0
    for path in source_files(root):
        files += 1
        file = File(path)
        if path.parts[0] in ("include", "src") and file.layer not in LAYERS and file.layer != "umbrella":
            problems.append(f"{path}: stands in no layer: {file.layer}")
            continue
        for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            problem = match and include_problem(file, match[1], match[2])
            if problem:
                problems.append(f"{path}:{number}: {problem}")
    return problems, files


def check_cmake(root):
    """The build may not link more than the table allows."""
    cmake = root / "CMakeLists.txt"
    problems = []
    if not cmake.exists():
        return problems
    for match in re.finditer(r"^sluice_layer\((\w+)([^)]*)\)", cmake.read_text(), re.M):
        name, rest = match[1], match[2]
        if name not in LAYERS:
            problems.append(f"CMakeLists.txt: unknown layer: {name}")
            continue
        deps = re.search(r"DEPS((?:\s+[a-z0-9]+)+)", rest)
        for dep in deps[1].split() if deps else []:
            if dep not in LAYERS[name]:
                problems.append(f"CMakeLists.txt: {name} may not link {dep}")
    return problems


def check_compiles_alone(root, compiler):
    problems = []
    for header in sorted((root / "include").rglob("*.h")):
        name = header.relative_to(root / "include")
        if f"include/{name}" in OPT_IN:  # their libraries may not be there
            continue
        unit = f"#include <{name}>\n#include <{name}>\n"
        command = [compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", f"-I{root / 'include'}", "-"]
        done = subprocess.run(command, input=unit, capture_output=True, text=True)
        if done.returncode:
            first = next((line for line in done.stderr.splitlines() if "error" in line), "")
            problems.append(f"include/{name}: does not compile alone: {first}")
    return problems


def self_test():
    # (file, text, part of the message that must come; "" for a file that is right)
    planted = [
        ("include/sluice/base/bytes.h", "#pragma once\n#include <cstdint>\n", ""),
        ("src/base/up.cc", '#include "sluice/async/loop.h"\n', "base may not include async"),
        ("src/base/fd.cc", "#include <sys/epoll.h>\n", "base may not include a system header"),
        ("src/async/epoll.cc", "#include <sys/epoll.h>\n#include \"sluice/base/bytes.h\"\n", ""),
        ("src/http2/task.cc", '#include "sluice/async/task.h"\n', "http2 may not include async"),
        ("src/http2/oracle.cc", "#include <nghttp2/nghttp2.h>\n", "http2 may not name third-party code"),
        ("src/http2/oracle_test.cc", "#include <gtest/gtest.h>\n#include <nghttp2/nghttp2.h>\n", ""),
        ("src/http2/frame_test_util.h", "#include <gtest/gtest.h>\n", ""),
        ("src/http2/fake_sink.h", "#include <gtest/gtest.h>\n", ""),
        ("src/http2/fake_sink.cc", "#include <gtest/gtest.h>\n", "http2 may not name third-party code"),
        ("src/net/tls/conn.cc", "#include <openssl/ssl.h>\n", ""),
        ("src/net/tcp.cc", "#include <openssl/ssl.h>\n", "net may not name third-party code"),
        ("src/net/rpc.cc", '#include "rpc/chain.h"\n', "net may not include rpc"),
        ("src/transport/pipe.cc", '#include "net/pipe.h"\n', "sees only net's interfaces"),
        ("src/transport/conn.cc", '#include "sluice/net/conn.h"\n#include "http2/session.h"\n', ""),
        ("src/client/server.cc", '#include "server/server.h"\n', "client may not include server"),
        ("src/client/frames.cc", '#include "http2/session.h"\n', "client may not include http2"),
        ("src/server/all.cc", '#include "sluice/sluice.h"\n', "a layer includes the umbrella"),
        ("src/proto/codec.cc", "#include <google/protobuf/message_lite.h>\n", ""),
        ("src/compression/gzip.cc", '#include <zlib.h>\n#include "sluice/rpc/compressor.h"\n', ""),
        ("src/rpc/gzip.cc", "#include <zlib.h>\n", "rpc may not name third-party code"),
        ("src/transport/gzip.cc", '#include "sluice/compression/compressors.h"\n', "transport may not include compression"),
        ("src/rpc/codec.cc", "#include <google/protobuf/message_lite.h>\n", "rpc may not name third-party code"),
        ("include/sluice/client/channel.h", '#include "client/pool.h"\n', "a public header includes a private one"),
        ("include/sluice/sluice.h", '#include "sluice/stub/stub.h"\n', ""),
        ("include/sluice/asio.h", '#include <asio.hpp>\n#include "sluice/async/op.h"\n', ""),
        ("include/sluice/all.h", '#include "sluice/asio.h"\n', "an opt-in header is for programs"),
        ("include/sluice/bridge.h", "#include <boost/asio.hpp>\n", "may not name third-party code"),
        ("src/stub/dots.cc", '#include "../base/x.h"\n', "leaves its folder"),
        ("src/stub/here.cc", '#include "sibling.h"\n', "unknown include"),
        ("src/misc/x.cc", "\n", "stands in no layer"),
        ("src/rpc/help.cc", '#include "support/leaks.h"\n', "code includes test support"),
        ("src/rpc/gen.cc", '#include "echo.pb.h"\n', "may not include generated code"),
        ("plugin/main.cc", '#include "sluice/base/bytes.h"\n', "the plugin stands alone"),
        ("plugin/generated_test.cc", '#include "sluice/testing/client_of.h"\n', ""),
        ("examples/hello/main.cc", '#include "net/pipe.h"\n', "an example includes a private header"),
        ("tests/e2e/x_test.cc", '#include "net/pipe.h"\n#include "echo.sluice.h"\n', ""),
        ("tests/e2e/kits_test.cc", '#include "e2e/kit.h"\n#include "kit.h"\n#include "support/leaks.h"\n', ""),
        ("tests/wire/kits_test.cc", '#include "e2e/kit.h"\n', "tests/wire includes another folder"),
        ("tests/support/leaks.h", '#include "e2e/kit.h"\n', "tests/support includes another folder"),
    ]
    failures = []
    scratch = pathlib.Path(tempfile.mkdtemp())
    try:
        for path, text, _ in planted:
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).write_text(text)
        (scratch / "CMakeLists.txt").write_text("sluice_layer(base)\nsluice_layer(net DEPS async rpc)\n")
        problems, _ = check_includes(scratch)
        problems += check_cmake(scratch)
        for path, _, wanted in planted + [("CMakeLists.txt", "", "net may not link rpc")]:
            found = [p for p in problems if p.startswith(path + ":")]
            if wanted and not any(wanted in p for p in found):
                failures.append(f"{path}: wanted “{wanted}”, got {found}")
            if not wanted and found:
                failures.append(f"{path}: is right, got {found}")
        lone = pathlib.Path(tempfile.mkdtemp(dir=scratch))
        (lone / "include/sluice/base").mkdir(parents=True)
        (lone / "include/sluice/base/good.h").write_text("#pragma once\n#include <string>\nstd::string f();\n")
        (lone / "include/sluice/base/lazy.h").write_text("#pragma once\nstd::string f();\n")
        (lone / "include/sluice/base/twice.h").write_text("struct Twice {};\n")
        found = check_compiles_alone(lone, "g++")
        if [p.split(":")[0] for p in found] != ["include/sluice/base/lazy.h", "include/sluice/base/twice.h"]:
            failures.append(f"headers that need others: got {found}")
    finally:
        shutil.rmtree(scratch)
    for failure in failures:
        print(failure)
    print(f"check_layers self-test: {len(planted) + 2} cases, {len(failures)} wrong")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--compile", metavar="CXX", help="also compile each public header alone")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    problems, files = check_includes(args.root)
    problems += check_cmake(args.root)
    if args.compile:
        problems += check_compiles_alone(args.root, args.compile)
    for problem in problems:
        print(problem)
    print(f"check_layers: {files} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
