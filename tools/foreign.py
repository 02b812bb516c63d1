"""Building programs of other gRPC implementations, for the interop matrix and the benchmark: what is missing is told
apart from what is broken, and a build is kept until what it was made from changes."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Missing(Exception):
    """A tool-chain that is not on this machine."""


class BuildFailed(Exception):
    """A peer that did not build; the text is what to look at."""


def run(command, log, cwd=None, env=None):
    """Runs one step of a build; its output goes to `log`."""
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        done = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        lines = log.read_text(errors="replace").splitlines()
        tail = [line for line in lines if "error" in line.lower()][:3] or lines[-3:]  # Maven ends with advice
        raise BuildFailed(f"{command[0]} exited with {done.returncode}: {' | '.join(tail)} (all of it in {log.relative_to(ROOT)})")


def output(command, env=None):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BuildFailed(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout.strip()


def build_once(folder, inputs, steps, *more):
    """Calls steps(log) unless a build of the same inputs, and the same `more`, is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256("\0".join(more).encode())
    for path in sorted(inputs):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    stamp = folder / "stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    log = folder / "build.log"
    log.unlink(missing_ok=True)
    steps(log)
    stamp.write_text(digest.hexdigest())


def go_command(module):
    """The go command and its version, new enough for go.mod in `module`. Raises Missing."""
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not pathlib.Path(go).exists():
        raise Missing(f"there is no go (Debian 12's golang-go is older than what {module.relative_to(ROOT)}/go.mod asks for)")
    wanted = re.search(r"^go (\d+)\.(\d+)", (module / "go.mod").read_text(), re.M)
    version = output([go, "env", "GOVERSION"], {"GOTOOLCHAIN": "local"})
    found = re.match(r"go(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < (int(wanted[1]), int(wanted[2])):
        raise Missing(f"{go} is {version}; {module.relative_to(ROOT)}/go.mod asks for go {wanted[1]}.{wanted[2]} or newer")
    return go, version


def go_env(folder):
    """Modules and caches stay below `folder`; only what go.sum names is fetched."""
    return {"GOPATH": str(folder / "path"), "GOMODCACHE": str(folder / "mod"), "GOCACHE": str(folder / "cache"),
            "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false", "CGO_ENABLED": "0"}


def go_module(module, protos, folder, program, packages=()):
    """Builds folder/bin/PROGRAM from the Go module in `module` and the code of `protos`; returns its path.

    `packages` are the Go packages of protos that do not name their own, as {"echo.proto": "bench/echo"}.
    """
    go, version = go_command(module)
    sources = list(module.iterdir())
    name = re.search(r"^module (\S+)", (module / "go.mod").read_text(), re.M)[1]
    options = ",".join([f"module={name}", *(f"M{proto}={package}" for proto, package in dict(packages).items())])

    def steps(log):
        source, bins = folder / "src", folder / "bin"
        shutil.rmtree(source, ignore_errors=True)
        (source / "pb").mkdir(parents=True)
        for path in sources:
            shutil.copy(path, source)
        env = go_env(folder)
        plugins = ["google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc"]
        run([go, "build", "-o", f"{bins}/", *plugins], log, source, env)
        imports = sorted({f"-I{proto.parent}" for proto in protos})
        run(["protoc", f"--plugin={bins}/protoc-gen-go", f"--plugin={bins}/protoc-gen-go-grpc", *imports, f"--go_out={source}",
             f"--go_opt={options}", f"--go-grpc_out={source}", f"--go-grpc_opt={options}", *(p.name for p in protos)], log)
        run([go, "build", "-o", f"{bins}/{program}", "."], log, source, env)

    build_once(folder, [*sources, *protos], steps, version)
    return folder / "bin" / program


def go_tools(module, folder):
    """Builds into folder/bin the programs that the tool lines of go.mod in `module` name, as others wrote them."""
    go, version = go_command(module)
    build_once(folder, list(module.iterdir()),
               lambda log: run([go, "build", "-o", f"{folder / 'bin'}/", "tool"], log, module, go_env(folder)), version)


def version_of(text):
    """The first number of a tool's answer, major and minor."""
    found = re.search(r"(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def cargo_crate(crate, protos, folder, program):
    """Builds PROGRAM from the Rust crate in `crate`, whose build.rs makes the code of `protos`; returns its path.

    Only what Cargo.lock names is fetched; the registry's copy and the build stay below `folder`.
    """
    cargo = shutil.which("cargo") or str(pathlib.Path.home() / ".cargo/bin/cargo")
    if not pathlib.Path(cargo).exists():
        raise Missing("there is no cargo")
    wanted = re.search(r'^rust-version = "([\d.]+)"', (crate / "Cargo.toml").read_text(), re.M)[1]
    version = output([cargo, "--version"])
    if version_of(version) < version_of(wanted):
        raise Missing(f"{cargo} is {version}; {crate.relative_to(ROOT)}/Cargo.toml asks for {wanted} or newer")
    sources = [path for path in crate.rglob("*") if path.is_file()]

    def steps(log):
        run([cargo, "build", "--release", "--locked", "--manifest-path", crate / "Cargo.toml", "--target-dir", folder / "target"],
            log, env={"CARGO_HOME": str(folder / "cargo")})

    build_once(folder, [*sources, *protos], steps, version)
    return folder / "target" / "release" / program


def java_tools(project):
    """The commands java and mvn, and what java says of its version, new enough for pom.xml in `project`. Raises Missing."""
    java, mvn = shutil.which("java"), shutil.which("mvn")
    if not (java and mvn and shutil.which("javac")):
        raise Missing("there is no Java development kit with Maven (Debian: openjdk-17-jdk-headless maven)")
    wanted = re.search(r"<maven.compiler.release>(\d+)<", (project / "pom.xml").read_text())[1]
    version = output([java, "--version"])
    if version_of(version)[0] < int(wanted):
        raise Missing(f"{java} is {version.splitlines()[0]}; {project.relative_to(ROOT)}/pom.xml asks for {wanted} or newer")
    return java, mvn, version


def maven(mvn, pom, folder, log, *goals):
    """Runs Maven, whose copy of the repository stays below `folder`."""
    run([mvn, "-q", "-B", "-f", pom, f"-Dmaven.repo.local={folder / 'repository'}", *goals], log)


def maven_programs(project, folder):
    """Fetches what pom.xml in `project` depends on; returns the class path of the programs in it, and java."""
    java, mvn, version = java_tools(project)
    jars = folder / "jars"

    def steps(log):
        shutil.rmtree(jars, ignore_errors=True)
        maven(mvn, project / "pom.xml", folder, log, "dependency:copy-dependencies", "-DincludeScope=runtime",
              f"-DoutputDirectory={jars}")

    build_once(folder, [project / "pom.xml"], steps, version)
    return f"{jars}/*", java


def maven_project(project, protos, folder, main, flags=()):
    """Builds the Java project in `project`, with the messages of `protos`; returns a script that runs the class `main`.

    Only the versions that pom.xml names are fetched; the repository's copy and the build stay below `folder`.
    """
    java, mvn, version = java_tools(project)
    sources = [path for path in project.rglob("*") if path.is_file()]
    script = folder / "run"

    def steps(log):
        source = folder / "src"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(project, source)
        imports = sorted({f"-I{proto.parent}" for proto in protos})
        run(["protoc", *imports, f"--java_out={source}/src/main/java", *(proto.name for proto in protos)], log)
        maven(mvn, source / "pom.xml", folder, log, "compile")
        script.write_text(f"#!/bin/sh\nexec {java} {' '.join(flags)} -cp '{source}/target/classes:{source}/target/dependency/*' "
                          f"{main} \"$@\"\n")
        script.chmod(0o755)

    build_once(folder, [*sources, *protos], steps, version, *flags)
    return script
