#!/usr/bin/env python3
"""Runs the interop matrix: every peer as a client of our server and as a server of our client. See README.md."""
import argparse
import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import official
import proxies
from guards import run_benchmark, write_guards
from page import write_page
from peers import HERE, ROOT, WORK, BuildFailed, Missing, all_peers
from process import Died, Program, ends

# In the order in which one client process runs them; README.md says what each checks.
COMMON_CASES = """unary server_stream client_stream bidi empty metadata metadata_many metadata_bin metadata_big sequence
    status_message status_plain status_details status_kinds unimplemented utf8 deadline deadline_stream cancel_unary
    cancel_stream cancel_bidi server_ends_early server_ends_early_ok large volume many too_long crowd""".split()
SHUTDOWN = "shutdown"  # the runner's own: SIGTERM ends an idle server with 0
OWN_CASES = [*COMMON_CASES, SHUTDOWN, "crowd_queued", "drain", "ping_pong"]
CASES = [*OWN_CASES, *proxies.CASES]
ALL_CASES = [*CASES, *proxies.EVENTS, *official.CASES]
PROXY_CASES = [*COMMON_CASES, *proxies.CASES, *proxies.EVENTS]

BUSY = "busy"  # tcp once more, while two others use the cores
BUSY_PEERS = ("sluice", "grpc++", "grpc-go")
BUSY_LOOPS = 2

PING_PONG_SECONDS = 1
LONG_PING_PONG_SECONDS = 10  # with grpc-go over tcp, whose window estimator sends PINGs while data arrives
SUITES = {"our cases": CASES, "through proxies": PROXY_CASES, "gRPC's interop service": official.CASES}
SYMBOLS = {"passed": ".", "failed": "F", "skipped": "s", "inapplicable": "-"}


@dataclasses.dataclass
class Pair:
    """One server with one client; `peer` is the one of the two that is under its own name in the matrix."""
    peer: object
    direction: str
    server: object
    client: object
    transport: str  # a proxy has its name here: one stands between them
    proxy: object = None

    def is_official(self):
        return isinstance(self.peer, official.OfficialPeer)

    def cases(self):
        if self.is_official():
            return official.CASES
        if self.proxy:
            return proxies.cases(self, COMMON_CASES)
        if self.transport == BUSY:
            return [*COMMON_CASES, SHUTDOWN, "ping_pong"]
        return [*OWN_CASES, *proxies.CASES] if self.has_loads() else OWN_CASES

    def has_loads(self):
        """Whether what runs through proxies runs here too, without one."""
        return self.transport == "tcp" and self.server.name == "sluice"

    def title(self):
        return f"{self.peer.name}, {self.direction}, {self.transport}"


@dataclasses.dataclass
class Job:
    """Cases that one client process runs against one server process."""
    pair: Pair
    name: str
    cases: list
    max_streams: int = 2000
    seconds: float = PING_PONG_SECONDS
    ends_itself: bool = False  # the case drains the server
    flags: list = dataclasses.field(default_factory=list)  # of server and client


class Runner:
    def __init__(self, args, peers, chosen):
        self.args, self.peers, self.proxies = args, peers, chosen
        self.ready = set()  # peers that are built
        self.rows = []
        self.inapplicable = read_inapplicable()
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="interop-"))
        self.count = 0

    def add(self, pair, case, outcome, why="", seconds=None):
        self.rows.append({**self.row(pair, case), "outcome": outcome, "why": why, "seconds": seconds})
        if outcome == "failed":
            print(f"FAILED {pair.title()}, {case}: {why}", flush=True)

    @staticmethod
    def row(pair, case):
        return {"peer": pair.peer.name, "version": pair.peer.version, "direction": pair.direction, "transport": pair.transport,
                "proxy": pair.proxy.version if pair.proxy else None, "case": case}

    def wanted(self, pair, cases):
        """Those that are to be run; notes those that cannot be."""
        chosen = [case for case in cases if not self.args.case or case in self.args.case]
        run = []
        for case in chosen:
            reason = self.inapplicable.reason(pair, case)
            if reason:
                self.add(pair, case, "inapplicable", reason)
            else:
                run.append(case)
        return run

    def jobs(self, pair):
        if pair.is_official():
            jobs = [Job(pair, "official", official.CASES)]
        elif pair.proxy:
            jobs = [Job(pair, *job) for job in proxies.jobs(pair, COMMON_CASES)]
        else:
            jobs = self.own_jobs(pair)
        for job in jobs:
            job.cases = self.wanted(pair, job.cases)
        return [job for job in jobs if job.cases]

    def own_jobs(self, pair):
        long_one = pair.peer.name == "grpc-go" and pair.transport == "tcp"
        seconds = self.args.seconds or (LONG_PING_PONG_SECONDS if long_one else PING_PONG_SECONDS)
        jobs = [Job(pair, "ping_pong", ["ping_pong"], seconds=seconds), Job(pair, "common", [*COMMON_CASES, SHUTDOWN]),
                Job(pair, "crowd_queued", ["crowd_queued"], max_streams=100),
                Job(pair, "drain", ["drain"], ends_itself=True)]
        if pair.transport == BUSY:
            return jobs[:2]
        if pair.has_loads():
            jobs += [Job(pair, "loads", proxies.LOADS), Job(pair, "special", proxies.SPECIAL, flags=proxies.RAISED)]
        return jobs

    def program(self, job, peer, role, *arguments):
        command = (peer.server() if role == "server" else peer.client()) + list(arguments)
        if peer.name == "sluice":
            # Loops with threads of their own in every combination that a program would have.
            threads = {("server", "tcp"): 2, ("server", "unix"): 1, ("client", "unix"): 2}.get((role, "tcp" if job.pair.proxy or job.pair.transport == BUSY else job.pair.transport), 0)
            command += ["--threads", str(threads)]
        return Program(command + job.flags, peer.env, self.log(job, role))

    @staticmethod
    def log(job, role):
        return WORK / "log" / f"{job.pair.peer.name}-{job.pair.direction}-{job.pair.transport}-{job.name}-{role}.log"

    def client(self, job, target, cases):
        arguments = ["--target", target, "--case", ",".join(cases), "--seconds", str(job.seconds)]
        if job.pair.server.joined and not job.pair.client.joined:
            arguments.append("--joined")
        if job.pair.transport == "pipe":
            arguments += ["--max-streams", str(job.max_streams)]
        return self.program(job, job.pair.client, "client", *arguments)

    async def run_client(self, job, target, cases):
        """Runs cases until a program fails; gives those that are left."""
        left = list(cases)
        before = len(self.rows)
        async with self.client(job, target, left) as client:
            while left:
                try:
                    outcome = json.loads(await client.line())
                except (Died, ValueError) as error:
                    self.add(job.pair, left.pop(0), "failed", f"the client: {error}")
                    return left
                if outcome["case"] != left[0]:
                    self.add(job.pair, left.pop(0), "failed", f"the client answered for {outcome['case']}")
                    return left
                self.add(job.pair, left.pop(0), "passed" if outcome["ok"] else "failed", outcome["why"], outcome["seconds"])
                if not outcome["ok"]:
                    return left  # a new connection for the next one
            # A sanitizer tells by the exit code what it found, leaks too.
            code = await client.ended()
            if code != 0:
                why = "did not end" if code is None else f"ended with {code}"
                self.blame(job, before, f"the client {why} after its last case: {ends(client.log)}")
        return left

    async def run_server(self, job, cases):
        """Starts a server and runs cases on it until it fails; gives those that are left."""
        scheme = job.pair.transport
        self.count += 1
        listen = "tcp:127.0.0.1:0" if scheme in ("tcp", BUSY) else f"unix:{self.sockets}/{self.count}.sock"
        left = list(cases)
        async with self.program(job, job.pair.server, "server", "--listen", listen, "--max-streams", str(job.max_streams)) as server:
            try:
                line = await server.line()
                if not line.startswith("listening "):
                    raise Died(f"said: {line}")
            except Died as error:
                self.add(job.pair, left.pop(0), "failed", f"the server: {error}")
                return left
            target = line.removeprefix("listening ")
            before = len(self.rows)
            while left and left[0] != SHUTDOWN:
                left = await self.run_client(job, target, left if SHUTDOWN not in left else left[:-1]) + left[-1:] * (SHUTDOWN in left)
                if server.process.returncode is not None and not job.ends_itself:
                    self.blame(job, before, f"the server ended with {server.process.returncode}: {ends(server.log)}")
                    return left
            if job.ends_itself or left == [SHUTDOWN]:
                if not job.ends_itself:
                    server.signal(signal.SIGTERM)
                code = await server.ended()
                why = "" if code == 0 else f"the server {'did not end' if code is None else f'ended with {code}'}: {ends(server.log)}"
                if left == [SHUTDOWN]:
                    self.add(job.pair, left.pop(), "failed" if why else "passed", why)
                elif why:
                    self.blame(job, before, why)
        return left

    def blame(self, job, before, why):
        """The last case of this job is failed by one of its programs."""
        rows = [row for row in self.rows[before:] if row["case"] in job.cases and self.is_of(row, job.pair)]
        if rows:
            rows[-1]["outcome"], rows[-1]["why"] = "failed", f"{rows[-1]['why']} {why}".strip()
            print(f"FAILED {job.pair.title()}, {rows[-1]['case']}: {why}", flush=True)

    @staticmethod
    def is_of(row, pair):
        return (row["peer"], row["direction"], row["transport"]) == (pair.peer.name, pair.direction, pair.transport)

    async def run_job(self, job):
        if job.pair.is_official():
            await official.run_job(self, job)
            return
        if job.pair.proxy:
            await proxies.run_job(self, job)
            return
        left = job.cases
        while left:
            if job.pair.transport == "pipe":
                left = await self.run_client(job, "pipe:interop", left)
            else:
                left = await self.run_server(job, left)

    def pairs(self):
        if self.args.pair:
            server, client = (self.peers[name] for name in self.args.pair.split(":"))
            title = f"served to {client.name}"
            pairs = [Pair(server, title, server, client, transport) for transport in ("tcp", "unix") if transport in server.transports]
            # Through proxies only when they are asked for.
            pairs += [Pair(server, title, server, client, proxy.name, proxy) for proxy in self.proxies if self.args.proxy]
            return [pair for pair in pairs if not self.args.transport or pair.transport in self.args.transport]
        pairs = []
        for peer in self.peers.values():
            if self.args.peer and peer.name not in self.args.peer:
                continue
            ours = self.peers[ours_for(peer.name)]
            for transport in [*peer.transports, *([BUSY] if peer.name in BUSY_PEERS else [])]:
                if peer is not ours:
                    pairs.append(Pair(peer, "peer-client", ours, peer, transport))
                pairs.append(Pair(peer, "peer-server", peer, ours, transport))
            if peer.name in proxies.CLIENTS:
                direction = "peer-server" if peer is ours else "peer-client"
                pairs += [Pair(peer, direction, ours, peer, proxy.name, proxy) for proxy in self.proxies]
        return [pair for pair in pairs if not self.args.transport or pair.transport in self.args.transport]

    def unprepared(self, pair, problems):
        """Notes every case of a pair that cannot run; false when it can."""
        for name in (pair.peer.name, pair.server.name, pair.client.name, pair.proxy and pair.proxy.name):
            problem = problems.get(name)
            if problem is None:
                continue
            must = isinstance(problem, BuildFailed) or (os.environ.get("CI") == "true" and not peer.optional)
            for case in self.wanted(pair, pair.cases()):
                self.rows.append({**self.row(pair, case), "outcome": "failed" if must else "skipped", "why": str(problem), "seconds": None})
            return True
        return False

    async def run(self, problems):
        jobs = [job for pair in self.pairs() if not self.unprepared(pair, problems) for job in self.jobs(pair)]
        jobs.sort(key=lambda job: -job.seconds)  # the long ones overlap the others
        places = asyncio.Semaphore(self.args.jobs)

        async def run_one(job):
            async with places:
                await self.run_job(job)
        try:
            await asyncio.gather(*(run_one(job) for job in jobs if job.pair.transport != BUSY))
            busy = [job for job in jobs if job.pair.transport == BUSY]
            async with contextlib.AsyncExitStack() as loops:
                for _ in range(BUSY_LOOPS if busy else 0):
                    await loops.enter_async_context(Program([sys.executable, "-c", "while True: pass"], {}, WORK / "log/busy.log"))
                await asyncio.gather(*map(run_one, busy))
        finally:
            shutil.rmtree(self.sockets, ignore_errors=True)
        names = list(self.peers)
        self.rows.sort(key=lambda row: (names.index(row["peer"]), row["direction"], row["transport"],
                                        ALL_CASES.index(row["case"])))


def ours_for(name):
    """Who of ours meets that peer."""
    return "official-sluice" if name.startswith("official-") else "sluice"


class Inapplicable:
    """inapplicable.txt: `peer direction transport case reason` a line; * is any."""

    def __init__(self, entries):
        self.entries = entries

    def reason(self, pair, case):
        for *pattern, reason in self.entries:
            if all(p in ("*", v) for p, v in zip(pattern, (pair.peer.name, pair.direction, pair.transport, case))):
                return reason
        return None


def read_inapplicable():
    entries = []
    for number, line in enumerate((HERE / "inapplicable.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(None, 4)
        if len(fields) < 5 or fields[3] not in ("*", *ALL_CASES):
            sys.exit(f"inapplicable.txt:{number}: want `peer direction transport case reason`, got: {line}")
        entries.append(fields)
    return Inapplicable(entries)


def prepare(peers):
    """Builds the peers, several at once; gives the problems by name."""
    def one(peer):
        try:
            peer.prepare()
        except (Missing, BuildFailed) as problem:
            return problem
        return None
    with concurrent.futures.ThreadPoolExecutor(max(1, len(peers))) as pool:
        results = list(pool.map(one, peers))
    return {peer.name: problem for peer, problem in zip(peers, results) if problem}


def print_matrix(title, cases, rows):
    columns = list(dict.fromkeys((r["peer"], r["direction"], r["transport"]) for r in rows))
    if not columns:
        return
    cells = {((r["peer"], r["direction"], r["transport"]), r["case"]): SYMBOLS[r["outcome"]] for r in rows}
    short = {"peer-client": "client", "peer-server": "server"}
    heads = [(peer, short.get(direction, direction), transport) for peer, direction, transport in columns]
    widths = [max(map(len, head)) for head in heads]
    first = max(22, *map(len, cases)) + 1
    print()
    for level in range(3):
        print(f"{title if level == 0 else '':{first}}" + " ".join(f"{head[level]:^{width}}" for head, width in zip(heads, widths)))
    for case in cases:
        if any((column, case) in cells for column in columns):
            print(f"{case:{first}}" + " ".join(f"{cells.get((column, case), ' '):^{width}}" for column, width in zip(columns, widths)))


def by_suite(rows):
    """Title, cases and rows of each."""
    def suite_of(row):
        if row["peer"].startswith("official-"):
            return official.CASES
        return PROXY_CASES if row["proxy"] else CASES
    return [(title, cases, [row for row in rows if suite_of(row) is cases]) for title, cases in SUITES.items()]


def versions_of(rows):
    found = [(row["peer"], row["version"]) for row in rows] + [(row["transport"], row["proxy"]) for row in rows if row["proxy"]]
    return [f"{name} {version}" for name, version in dict.fromkeys(found)]


def report(rows, problems, seconds):
    for suite in by_suite(rows):
        print_matrix(*suite)
    print("\n. passed  F failed  s skipped  - inapplicable; client and server are what the peer is")
    print(", ".join(versions_of(rows)), f"- {seconds:.0f} s")
    for name, problem in problems.items():
        kind = "did not build" if isinstance(problem, BuildFailed) else "is not here"
        print(f"{name} {kind}: {problem}")
    for row in rows:
        if row["outcome"] == "failed" and row["peer"] not in problems and row["transport"] not in problems:
            print(f"{row['peer']}, {row['direction']}, {row['transport']}, {row['case']}: {row['why']}")
    counts = collections.Counter(row["outcome"] for row in rows)
    for row in dict.fromkeys((r["peer"], r["case"], r["why"]) for r in rows if r["outcome"] == "inapplicable"):
        print(f"inapplicable: {row[0]}, {row[1]}: {row[2]}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return counts["failed"] == 0 and counts["passed"] > 0


def names(text):
    return [name for name in text.split(",") if name]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev", help="where our programs are")
    parser.add_argument("--grpcpp-build", type=pathlib.Path, default=ROOT / "build/dev", help="where grpc++'s programs are")
    parser.add_argument("--prepare", action="store_true", help="only build the peers that are not CMake's")
    parser.add_argument("--json", type=pathlib.Path, help="write the rows to this file")
    parser.add_argument("--page", type=pathlib.Path, help="write the tables into this page")
    parser.add_argument("--guards", type=pathlib.Path, help="write into this page how near connections came to their limits")
    parser.add_argument("--bench-build", type=pathlib.Path, default=ROOT / "build/bench", help="for --guards: where the benchmark's programs are")
    parser.add_argument("--peer", type=names, default=[], help="only these, separated by commas")
    parser.add_argument("--case", type=names, default=[], help="only these")
    parser.add_argument("--transport", type=names, default=[], help="only these: tcp, unix, pipe, busy, and the proxies")
    parser.add_argument("--proxy", type=names, default=[], help="these, or none; otherwise all")
    parser.add_argument("--pair", help="SERVER:CLIENT: these two, whoever they are")
    parser.add_argument("--seconds", type=float, help="length of ping_pong")
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1, help="pairs of processes at once")
    args = parser.parse_args()
    builds = args.build.resolve(), args.grpcpp_build.resolve()
    peers = {**all_peers(*builds), **official.official_peers(*builds)}
    through = proxies.all_proxies()
    if args.pair and args.pair.count(":") != 1:
        parser.error(f"--pair: want SERVER:CLIENT, got: {args.pair}")
    if args.page and (args.pair or args.peer or args.case or args.transport or args.proxy):
        parser.error("--page wants a run of everything")
    asked = [*args.peer, *(args.pair.split(":") if args.pair else [])]
    for given, known, what in ((asked, peers, "peer"), (args.case, ALL_CASES, "case"),
                               (args.transport, ("tcp", "unix", "pipe", BUSY, *through), "transport"), (args.proxy, ("none", *through), "proxy")):
        for name in given:
            if name not in known:
                parser.error(f"no such {what}: {name}; there are {', '.join(known)}")
    involved = set(peers)
    if args.pair:
        involved = set(args.pair.split(":"))
    elif args.peer:
        involved = {*args.peer, *map(ours_for, args.peer)}
    chosen = [proxy for name, proxy in through.items() if name in (args.proxy or through)]
    if not involved & set(proxies.CLIENTS) or args.pair and not args.proxy or args.transport and not set(args.transport) & set(through):
        chosen = []
    if chosen and "sluice" in involved:
        involved.add("grpc++")  # beside ours, while a proxy reloads
    if args.prepare:
        prepare([peer for name, peer in peers.items() if name in involved and not peer.of_cmake] + chosen)
        return 0
    start = time.monotonic()
    problems = prepare([*(peers[name] for name in involved), *chosen])
    for proxy in chosen:
        if proxy.name in problems:
            print(f"NOT RUN: what goes through {proxy.name}: {problems[proxy.name]}", flush=True)
    shutil.rmtree(WORK / "log", ignore_errors=True)
    (WORK / "log").mkdir(parents=True)
    runner = Runner(args, peers, chosen)
    runner.ready = {name for name in involved if name not in problems}
    asyncio.run(runner.run(problems))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(runner.rows, indent=1) + "\n")
    if args.page:
        write_page(args.page, by_suite(runner.rows), versions_of(runner.rows))
    if args.guards:
        run_benchmark(args.bench_build.resolve(), WORK / "log")
        write_guards(args.guards, WORK / "log", list(through))
    return 0 if report(runner.rows, problems, time.monotonic() - start) else 1


if __name__ == "__main__":
    sys.exit(main())
