#!/usr/bin/env python3
"""sluice_generate in a project of somebody else's: it builds, builds nothing twice, sees when an imported .proto
changes, and says what is wrong with its arguments."""
import re
import shutil
import subprocess
import sys

from installed import HERE, Failed, Setting, run

WRONG_USES = {  # what is added to the project → what cmake must say
    "sluice_generate(TARGET nothing PROTOS alone.proto)": "TARGET is no target: 'nothing'",
    "sluice_generate(PROTOS alone.proto)": "TARGET is no target: ''",
    "sluice_generate(TARGET shop)": "no PROTOS for shop",
    "sluice_generate(TARGET shop SOURCES alone.proto)": "unknown arguments: SOURCES;alone.proto",
    "sluice_generate(TARGET shop PROTOS other/alone.proto)":
        "/shop/alone.proto and {source}/other/alone.proto are both alone.proto to protoc and to #include: say with IMPORT_DIRS",
    "add_library(two OBJECT shop.cc)\nsluice_generate(TARGET two PROTOS alone.proto other/alone.proto)":
        "are both alone.proto to protoc",
    "sluice_generate(TARGET shop PROTOS alone.proto)": "shop has {source}/alone.proto twice",
}
EDITION = "sluice_generate(TARGET shop PROTOS edition.proto)"
NO_EDITIONS = "{source}/edition.proto has an edition, which protoc {version} does not know: it takes protobuf 27 or later"


class Project:
    """A copy of shop/ with a build folder beside it, and sluice installed."""

    def __init__(self, setting):
        self.setting, self.prefix = setting, setting.install()
        self.source, self.build = setting.folder / "shop", setting.folder / "build"
        shutil.copytree(HERE / "shop", self.source)

    def configure(self):
        return self.setting.configure(self.source, self.build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
                                      "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")

    def make(self):
        return subprocess.run([self.setting.args.cmake, "--build", self.build, "--target", "shop", "--parallel", "2"],
                              capture_output=True, text=True)

    def generated(self):
        """{file below the folder of generated files: time of its last change}"""
        out = self.build / "shop.generated"
        return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in out.rglob("*.sluice.*")}


def problems_of(project):
    done = project.configure()
    if done.returncode:
        return [f"does not configure:\n{done.stderr}"]
    done = project.make()
    if done.returncode:
        return [f"does not build:\n{done.stdout}{done.stderr}"]
    problems = []
    first = project.generated()
    wanted = {f"{base}.sluice.{end}" for base in ("alone", "shop/money", "shop/till") for end in ("h", "cc")}
    if first.keys() != wanted:
        problems.append(f"generated {sorted(first)}, not {sorted(wanted)}")

    project.make()
    if project.generated() != first:
        problems.append("generated again though nothing had changed")

    money = project.source / "protos/shop/money.proto"
    money.write_text(money.read_text().replace("cents = 1;", "cents = 1;\n  string currency = 2;"))
    project.make()
    again = {name for name, time in project.generated().items() if time != first.get(name)}
    if again != {name for name in wanted if name.startswith("shop/")}:
        problems.append(f"a change of shop/money.proto generated {sorted(again)} again")

    (project.source / "other").mkdir()
    (project.source / "other/alone.proto").write_text('syntax = "proto3";\npackage other;\nmessage Alone {}\n')
    (project.source / "edition.proto").write_text('// Later.\nedition = "2023";\npackage later;\nmessage Later {}\n')
    version = re.search(r"[\d.]+", run("protoc", "--version"))[0]
    wrong = dict(WRONG_USES)
    if int(version.split(".")[0]) < 27:
        wrong[EDITION] = NO_EDITIONS
    text = (project.source / "CMakeLists.txt").read_text()
    for use, message in wrong.items():
        message = message.format(source=project.source, version=version)
        (project.source / "CMakeLists.txt").write_text(f"{text}{use}\n")
        done = project.configure()
        if done.returncode == 0 or message not in " ".join(done.stderr.split()):
            problems.append(f"{use}: wanted an error with “{message}”, got {done.returncode}: {done.stderr}")
    return problems


def main():
    setting = Setting()
    try:
        problems = problems_of(Project(setting))
    except Failed as failure:
        problems = [failure]
    print(*problems, f"{len(problems)} problems", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
