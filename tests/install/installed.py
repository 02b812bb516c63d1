"""What the tests of the installed package share: an installation that was moved since, and a scratch folder."""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class Failed(Exception):
    """What is wrong, for people."""


def run(*command, **options):
    """The command's stdout; Failed if it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}exit code {done.returncode}")
    return done.stdout


class Setting:
    """The build under test, and an empty folder that is the same one in every run, so that ccache knows the files."""

    def __init__(self, parser=None):
        parser = parser or argparse.ArgumentParser()
        for name in ("cmake", "generator", "cxx", "flags", "launcher"):
            parser.add_argument(f"--{name}", required=True)
        for name in ("source", "build", "folder"):
            parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
        self.args = parser.parse_args()
        self.source, self.build, self.folder = self.args.source, self.args.build, self.args.folder
        self.launcher = shlex.split(self.args.launcher)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def install(self):
        """Installs for /opt/sluice below a DESTDIR, then moves the prefix somewhere else, which it returns."""
        stage, prefix = self.folder / "stage", self.folder / "moved here"
        run(self.args.cmake, "--install", self.build, "--prefix", "/opt/sluice",
            env=dict(os.environ, DESTDIR=str(stage)))
        (stage / "opt/sluice").rename(prefix)
        left = [str(path) for path in stage.rglob("*") if not path.is_dir()]
        if left:
            raise Failed(f"installed outside of the prefix: {left}")
        return prefix

    def configure(self, source, build, *options, build_type="Debug"):
        """CompletedProcess of cmake."""
        command = [self.args.cmake, "-G", self.args.generator, "-S", source, "-B", build,
                   f"-DCMAKE_CXX_COMPILER={self.args.cxx}", f"-DCMAKE_BUILD_TYPE={build_type}", *options]
        if build_type == "Debug":
            command.append(f"-DCMAKE_CXX_FLAGS_DEBUG={self.args.flags}")
        if self.args.launcher:
            command.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={self.args.launcher}")
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)
