#!/usr/bin/env python3
"""The greeter's server and client as two processes, over the kernel's sockets.

  greeter_test.py CASE SERVER CLIENT
"""
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

TIMEOUT = 60  # seconds


class Failed(Exception):
    """What is wrong, for people."""


def expect(right, *what):
    if not right:
        raise Failed(" ".join(map(str, what)))


def start(command, **options):
    """A process that this one outlives, whatever happens."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    limit = threading.Timer(TIMEOUT, process.kill)
    limit.daemon = True
    limit.start()
    return process


class Server:
    """A greeter_server that has said where it listens."""

    def __init__(self, program, *addrs, options=()):
        command = [program, *options]
        for addr in addrs:
            command += ["--listen", addr]
        self.process = start(command)
        self.addrs = []
        for addr in addrs:
            line = self.process.stdout.readline()
            if not line.startswith("listening on "):
                raise Failed(f"{addr}: {line}{self.process.communicate(timeout=TIMEOUT)[1]}")
            self.addrs.append(line.removeprefix("listening on ").rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def signal(self, number):
        """Returns when the server has said that it drains."""
        self.process.send_signal(number)
        line = self.process.stdout.readline()
        expect(line == f"{number.name}: draining\n", "at", number.name, "the server says", repr(line))

    def rest(self):
        """What it prints until it ends, which it does well."""
        # Not communicate(), which knows nothing of what readline() has read ahead. The few lines fit into a pipe.
        out, err = self.process.stdout.read(), self.process.stderr.read()
        code = self.process.wait()
        expect(code == 0, "the server ends with", code, err)
        return out


class Chat:
    """A greeter_client with a call that stays open."""

    def __init__(self, client, addr):
        self.process = start([client, "--target", addr, "--chat", "yes"], stdin=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def greet(self, name):
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        expect(line == f"SayHelloBiStream: Hello {name}\n", "chat:", repr(line))

    def end(self):
        """(exit code, stderr)"""
        _, err = self.process.communicate()
        return self.process.returncode, err


def call(client, addr, *options):
    return subprocess.run([client, "--target", addr, *options], capture_output=True, text=True, timeout=TIMEOUT)


def calls_of_all_kinds(client, addr, name, count):
    done = call(client, addr, "--name", name, "--count", str(count))
    wanted = "".join(f"{method}: Hello {who}\n" for method, who in (
        ("SayHello", name), ("SayHelloReplyStream", name), ("SayHelloReplyStream", f"{name}_dup"),
        ("SayHelloRequestStream", f"{name}_dup"), ("SayHelloBiStream", name), ("SayHelloBiStream", f"{name}_dup")))
    expect(done.returncode == 0 and done.stdout == wanted * count, addr, done.stdout, done.stderr)


def tcp(server, client, _):
    with Server(server, "tcp:127.0.0.1:0") as s:
        expect(re.fullmatch(r"tcp:127\.0\.0\.1:[1-9]\d*", s.addrs[0]), "listens on", s.addrs[0])
        calls_of_all_kinds(client, s.addrs[0], "Anna", 3)
        s.signal(signal.SIGTERM)
        rest = s.rest()
        expect(rest == "stopped: 12 calls, 0 cancelled, 0 still running\n", rest)


def unix(server, client, folder):
    addr = f"unix:{folder}/greeter.sock"
    for _ in range(2):  # what the first leaves does not keep the second from listening
        with Server(server, addr) as s:
            expect(s.addrs == [addr], "listens on", s.addrs)
            calls_of_all_kinds(client, addr, "Anna", 1)
            s.signal(signal.SIGINT)
            rest = s.rest()
            expect(rest == "stopped: 4 calls, 0 cancelled, 0 still running\n", rest)


def several(server, client, folder):
    addrs = ["tcp:127.0.0.1:0", f"unix:{folder}/a.sock", "tcp:127.0.0.1:0", f"unix-abstract:{folder}/b"]
    with Server(server, *addrs, options=["--threads", "2"]) as s:
        expect(len(set(s.addrs)) == 4, "listens on", s.addrs)
        for addr in s.addrs:
            calls_of_all_kinds(client, addr, "Anna", 2)
        s.signal(signal.SIGTERM)
        rest = s.rest()
        expect(rest == "stopped: 32 calls, 0 cancelled, 0 still running\n", rest)


def threadless(server, client, folder):
    addr = f"unix:{folder}/greeter.sock"
    with Server(server, addr, options=["--threads", "0"]) as s:
        calls_of_all_kinds(client, addr, "Anna", 2)
        with Chat(client, addr) as chat:
            chat.greet("Anna")
            s.signal(signal.SIGINT)
            chat.greet("Berta")
            code, err = chat.end()
            expect(code == 0, "the call that was open ends with", code, err)
        rest = s.rest()
        expect(rest == "stopped: 9 calls, 0 cancelled, 0 still running\n", rest)


def killed(server, client, _):
    with Server(server, "tcp:127.0.0.1:0") as s, Chat(client, s.addrs[0]) as chat:
        chat.greet("Anna")
        s.signal(signal.SIGINT)
        while s.process.poll() is None:  # it may not have unblocked it yet when it says that it drains
            s.process.send_signal(signal.SIGINT)
        expect(s.process.returncode == -signal.SIGINT, "the server ends with", s.process.returncode)
        expect(chat.end()[0] == 1, "the call that was open goes on")


def drains(server, client, _):
    with Server(server, "tcp:127.0.0.1:0") as s, Chat(client, s.addrs[0]) as chat:
        chat.greet("Anna")
        s.signal(signal.SIGTERM)
        chat.greet("Berta")
        code, err = chat.end()
        expect(code == 0, "the call that was open ends with", code, err)
        rest = s.rest()
        expect(rest == "stopped: 1 calls, 0 cancelled, 0 still running\n", rest)
        expect(call(client, s.addrs[0]).returncode == 1, "somebody still listens on", s.addrs[0])


def gives_up(server, client, _):
    with Server(server, "tcp:127.0.0.1:0", options=["--grace", "0"]) as s, Chat(client, s.addrs[0]) as chat:
        chat.greet("Anna")
        s.signal(signal.SIGTERM)
        rest = s.rest()
        expect(re.search(r"^stopped: 1 calls, 1 cancelled, \d still running$", rest, re.M), rest)
        code, err = chat.end()
        expect(code == 1 and "UNAVAILABLE" in err, "the call that was open ends with", code, err)


def wrong_use(server, client, _):
    for command in ([server], [client], [server, "--listen"], [client, "--target", "pipe:x", "--count", "many"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        expect(done.returncode == 2 and done.stderr.startswith("usage: greeter_"), command, done.returncode, done.stderr)
    for command in ([server, "--listen", "carrier-pigeon:x"], [client, "--target", "carrier-pigeon:x"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        expect(done.returncode == 1 and "carrier-pigeon" in done.stderr, command, done.returncode, done.stderr)


def nobody_there(server, client, _):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addr = f"tcp:127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run([server, "--listen", addr], capture_output=True, text=True, timeout=TIMEOUT)
        expect(done.returncode == 1 and addr in done.stderr, "a port that is taken:", done.returncode, done.stderr)
    done = call(client, addr)
    expect(done.returncode == 1 and "UNAVAILABLE" in done.stderr and addr in done.stderr,
           "nobody listens:", done.returncode, done.stderr)


def main():
    cases = {f.__name__: f for f in (tcp, unix, several, threadless, drains, killed, gives_up, wrong_use, nobody_there)}
    case, server, client = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        try:
            cases[case](server, client, pathlib.Path(folder))
        except Failed as failure:
            print(failure)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
