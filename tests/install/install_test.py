#!/usr/bin/env python3
"""Somebody else's project takes sluice in from an empty folder, builds a server and a client, and runs them.

  install_test.py files              what is installed, and that it names no folder of ours
  install_test.py options            the source tree configures with tests and without examples, and the other way round
  install_test.py find_package       CMake, the installed package, generated code
  install_test.py core               CMake, the installed package where there is no protobuf
  install_test.py errors             the same beside generated code, with typed details of errors
  install_test.py compression        the same, with the encodings, which need zlib and zstd
  install_test.py pkg_config         no CMake: protoc, the compiler and what pkg-config says
  install_test.py add_subdirectory   CMake, the source tree inside the project; optimised, warnings are errors
"""
import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

from installed import HERE, Failed, Setting, run

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def hello_project(setting, way):
    """An empty folder, and what a user would write into it."""
    project = setting.folder / "hello"
    project.mkdir()
    for file in ("hello.proto", "hello.cc", "bytes.cc", "packed.cc", "details.cc", "stranger.cc"):
        shutil.copy(HERE / "hello" / file, project)
    if way != "pkg_config":
        shutil.copy(HERE / "hello" / f"{way}.cmake", project / "CMakeLists.txt")
    return project


def check_greeting(binary):
    if (said := run(binary)) != "Hello world\n":
        raise Failed(f"{binary} says {said!r}")


def with_cmake(setting, way, *options, build_type="Debug"):
    project = hello_project(setting, way)
    build = project / "build"
    done = setting.configure(project, build, *options, build_type=build_type)
    if done.returncode or "Warning" in done.stderr:
        raise Failed(f"{done.stdout}{done.stderr}")
    run(setting.args.cmake, "--build", build, "--parallel", "2")
    check_greeting(build / "hello")
    return build


def find_package(setting):
    prefix = setting.install()
    with_cmake(setting, "find_package", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_FLAGS={' '.join(WARNINGS)}")
    # Another minor version is another library.
    project = setting.folder / "hello"
    text = (project / "CMakeLists.txt").read_text()
    (project / "CMakeLists.txt").write_text(text.replace("sluice 0.1", "sluice 0.0"))
    done = setting.configure(project, project / "other", f"-DCMAKE_PREFIX_PATH={prefix}")
    if done.returncode == 0 or 'compatible with requested version "0.0"' not in " ".join(done.stderr.split()):
        raise Failed(f"version 0.0 should not be found: {done.stderr}")
    # A component that there is not.
    for component, message in {"testing": "What is in sluice/testing/ comes with sluice and with core",
                               "tls": "sluice has no component tls; there are sluice, core, errors and compression"}.items():
        (project / "CMakeLists.txt").write_text(text.replace("REQUIRED", f"REQUIRED COMPONENTS sluice {component}"))
        done = setting.configure(project, project / component, f"-DCMAKE_PREFIX_PATH={prefix}")
        if done.returncode == 0 or message not in " ".join(done.stderr.split()):
            raise Failed(f"component {component}: wanted “{message}”: {done.stderr}")
        # One that is not required may be asked for.
        (project / "CMakeLists.txt").write_text(text.replace("REQUIRED", f"REQUIRED COMPONENTS sluice OPTIONAL_COMPONENTS {component}"))
        done = setting.configure(project, project / f"optional_{component}", f"-DCMAKE_PREFIX_PATH={prefix}")
        if done.returncode:
            raise Failed(f"optional component {component}: {done.stderr}")


def core(setting):
    build = with_cmake(setting, "core", f"-DCMAKE_PREFIX_PATH={setting.install()}")
    if re.search("protobuf|libz", needed := run("ldd", build / "hello")):
        raise Failed(f"sluice::core links protobuf, zlib or zstd:\n{needed}")


def compression(setting):
    build = with_cmake(setting, "compression", f"-DCMAKE_PREFIX_PATH={setting.install()}")
    needed = run("ldd", build / "hello")
    if "libz.so" not in needed or "libzstd.so" not in needed:
        raise Failed(f"sluice::compression links not all it needs:\n{needed}")


def errors(setting):
    with_cmake(setting, "errors", f"-DCMAKE_PREFIX_PATH={setting.install()}", f"-DCMAKE_CXX_FLAGS={' '.join(WARNINGS)}")


def add_subdirectory(setting):
    # What users of a release build see: g++ warns by what it inlines, and the presets of the tests inline less.
    build = with_cmake(setting, "add_subdirectory", f"-DSLUICE_SOURCE={setting.source}", "-DSLUICE_WERROR=ON",
                       build_type="Release")
    programs = sorted(path.name for path in build.rglob("*")
                      if path.is_file() and os.access(path, os.X_OK) and "CMakeFiles" not in path.parts)
    if programs != ["hello", "protoc-gen-sluice", "stranger"]:
        raise Failed(f"a project that takes sluice in builds {programs}")
    # A program with assertions finds its mistakes although the library has none.
    done = subprocess.run([build / "stranger"], capture_output=True, text=True)
    if done.returncode != -signal.SIGABRT or "a loop-only member was used on a thread that does not run the loop" not in done.stderr:
        raise Failed(f"stranger ended with {done.returncode}: {done.stderr}")
    run(setting.args.cmake, "--install", build, "--prefix", setting.folder / "prefix")
    if (setting.folder / "prefix").exists():
        raise Failed("a project that takes sluice in installs it")


def pkg_config(setting):
    prefix = setting.install()
    project = hello_project(setting, "pkg_config")
    env = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"))

    def ask(*words):
        return shlex.split(run("pkg-config", *words, env=env))

    def compile(source, package, *flags):
        run(*setting.launcher, setting.args.cxx, "-std=c++20", *flags, *ask("--cflags", package), "-c", source, cwd=project)

    def link(program, package, *objects):
        run(setting.args.cxx, *objects, *ask("--libs", package), "-o", program, cwd=project)
        check_greeting(project / program)

    plugin, = ask("--variable=plugin", "sluice")
    run("protoc", f"--plugin={plugin}", "--cpp_out=.", "--sluice_out=.", "hello.proto", cwd=project)
    compile("hello.cc", "sluice", "-O2", *WARNINGS)
    compile("hello.sluice.cc", "sluice", *WARNINGS)
    compile("hello.pb.cc", "sluice")
    link("hello", "sluice", "hello.o", "hello.sluice.o", "hello.pb.o")
    compile("bytes.cc", "sluice-core", "-O2", *WARNINGS)
    link("bytes", "sluice-core", "bytes.o")
    if re.search("protobuf|libz", needed := run("ldd", project / "bytes")):
        raise Failed(f"sluice-core links protobuf, zlib or zstd:\n{needed}")
    # Inside a shared library, which keeps it to itself.
    compile("bytes.cc", "sluice-core", "-O2", "-fPIC", "-fvisibility=hidden", "-o", "shared.o", *WARNINGS)
    run(setting.args.cxx, "-shared", "-Wl,-z,defs", "shared.o", *ask("--libs", "sluice-core"), "-o", "libbytes.so", cwd=project)
    exported = [name for name in run("nm", "-DC", "--defined-only", project / "libbytes.so").splitlines() if "sluice" in name]
    if exported or "sluice::v0::Server" not in run("nm", "-C", project / "libbytes.so"):
        raise Failed("a shared library exports:\n" + "\n".join(exported))
    compile("packed.cc", "sluice-compression", "-O2", *WARNINGS)
    link("packed", "sluice-compression", "packed.o")
    compile("details.cc", "sluice-errors", "-O2", *WARNINGS)
    link("details", "sluice-errors", "details.o")


def files(setting):
    prefix = setting.install()
    there = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    headers = {name for name in there if name.startswith("include/")}
    public = {str(path.relative_to(setting.source)) for path in (setting.source / "include").rglob("*.*")}
    public |= {name.replace(".proto", ".pb.h") for name in public if name.endswith(".proto")}
    others = {"lib/libsluice.a", "bin/protoc-gen-sluice", "bin/sluice-vet", "lib/pkgconfig/sluice.pc", "lib/cmake/sluice/SluiceProtobuf.cmake",
              "lib/pkgconfig/sluice-core.pc", "lib/pkgconfig/sluice-errors.pc",
              "lib/pkgconfig/sluice-compression.pc", "lib/cmake/sluice/SluiceZstd.cmake", "lib/cmake/sluice/sluiceConfig.cmake",
              "lib/cmake/sluice/sluiceConfigVersion.cmake", "lib/cmake/sluice/sluiceTargets.cmake",
              "lib/cmake/sluice/SluiceGenerate.cmake"}
    pages = [setting.source / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md")]
    pages += [path for path in (setting.source / "docs").rglob("*") if path.suffix in (".md", ".svg")]
    others |= {f"share/doc/sluice/{path.relative_to(setting.source)}" for path in pages}
    by_build_type = {name for name in there if re.fullmatch(r"lib/cmake/sluice/sluiceTargets-\w+\.cmake", name)}
    problems = [f"headers: {name}" for name in sorted(headers ^ public)]
    problems += [f"files: {name}" for name in sorted((there - headers - by_build_type) ^ others)]
    problems += [] if len(by_build_type) == 1 else [f"one build type wanted: {sorted(by_build_type)}"]
    problems += [f"not for users: {name}" for name in sorted(headers) if "http2" in name or "transport" in name]
    for name in sorted(there):
        text = (prefix / name).read_bytes()
        if name.endswith((".cmake", ".pc", ".h")) and any(p.encode() in text for p in (str(setting.source), "/opt/sluice")):
            problems.append(f"{name} names a folder that users do not have")
    if problems:
        raise Failed("\n".join(problems))


def options(setting):
    for given in (["-DSLUICE_TESTS=ON", "-DSLUICE_EXAMPLES=OFF"], ["-DSLUICE_TESTS=OFF", "-DSLUICE_EXAMPLES=ON"]):
        done = setting.configure(setting.source, setting.folder / "build", *given)
        if done.returncode:
            raise Failed(f"{given}: {done.stderr}")


def main():
    ways = {"files": files, "options": options, "find_package": find_package, "core": core, "errors": errors, "compression": compression,
            "pkg_config": pkg_config,
            "add_subdirectory": add_subdirectory}
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=ways)
    setting = Setting(parser)
    try:
        ways[setting.args.way](setting)
    except Failed as failure:
        print(failure)
        return 1
    shutil.rmtree(setting.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
