"""Processes of the interop matrix: started with a log, read by lines, dead when they are left."""
import asyncio
import contextlib
import os
import pathlib
import signal

CASE_SECONDS = 60  # for one case, and for a program to start
EXIT_SECONDS = 10  # for a server to end
TCP_LISTEN = "0A"  # the state's number in /proc/net/tcp


class Died(Exception):
    """A program that ended or fell silent when it should not."""


def ends(path, lines=3):
    """The first and the last lines of a log: why a program went wrong may stand in either."""
    text = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    if len(text) <= 2 * lines:
        head, tail = text, []
    else:
        head, tail = [*text[:lines], "…"], text[-lines:]
    return " | ".join(filter(None, [" | ".join(head)[:600], " | ".join(tail)[-600:]]))


def listening_port(pid):
    """The TCP port on which a process listens, by what Linux says of its sockets; None when there is none."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed since
            inodes.add(os.readlink(entry).removeprefix("socket:[").removesuffix("]"))
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == TCP_LISTEN and fields[9] in inodes:
                return int(fields[1].rpartition(":")[2], 16)
    return None


class Program:
    """A process whose stdout is read by lines and whose stderr goes to a file. It is dead when this is left, and so are
    its children. `user`: whom it runs as, if not as we do."""

    def __init__(self, command, env, log, user=None):
        self.command, self.env, self.log, self.user = command, env, log, user

    async def __aenter__(self):
        ids = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                env={**os.environ, **self.env}, limit=1 << 20, start_new_session=True, **ids)
        return self

    async def __aexit__(self, *_):
        self.kill()
        await self.process.wait()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def signal(self, number):
        # Not by process.send_signal(), which takes the exit code away from whoever waits for it.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    async def line(self):
        """The next line of output."""
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), CASE_SECONDS)
        except asyncio.TimeoutError:
            raise Died(f"nothing within {CASE_SECONDS} s") from None
        if not line:
            raise Died(f"ended with {await self.process.wait()}: {ends(self.log)}")
        return line.decode(errors="replace").strip()

    async def rest(self):
        """Its output until it ends, which goes to the log too; nothing waits for it that long but the caller."""
        text = []
        with open(self.log, "ab") as log:
            while chunk := await self.process.stdout.read(1 << 16):
                log.write(chunk)
                log.flush()
                text.append(chunk)
        return b"".join(text).decode(errors="replace")

    async def ended(self):
        """Its exit code, or None when it does not end in time."""
        try:
            return await asyncio.wait_for(self.process.wait(), EXIT_SECONDS)
        except asyncio.TimeoutError:
            return None
