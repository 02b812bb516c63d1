"""The subjects, rows and pinnings, and the rounds over them. One process a measurement."""
import dataclasses
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable

import counts
import peers

ROWS = (1, 2, 3, 4, 5, 6, 11)
ONE_THREAD = (1, 3, 4, 5, 6, 11)  # rows in which the server has no thread that is asked for
THREADS = (2,)
ONE_CORE, TWO_CORES, FREE = "one core", "two cores", "free"


@dataclasses.dataclass(frozen=True)
class Subject:
    name: str
    program: str
    api: str = ""
    pinnings: tuple = (ONE_CORE,)  # programs with one thread gain nothing from a second core
    build: Callable | None = None  # makes the program, if CMake does not; callgrind cannot count those
    slow: bool = False  # needs seconds to warm up: one process takes all rows, in fewer rounds
    rows: tuple = ONE_THREAD


SUBJECTS = (
    Subject("sluice", "bench_sluice"),
    Subject("floor-protobuf", "bench_floor_protobuf"),
    Subject("floor-nghttp2", "bench_floor_nghttp2"),
    Subject("grpc++ sync", "bench_grpcpp", "sync", (ONE_CORE, FREE), rows=ROWS),
    Subject("grpc++ callback", "bench_grpcpp", "callback", (ONE_CORE, FREE), rows=ROWS),
    Subject("grpc++ cq", "bench_grpcpp", "cq"),
    Subject("grpc++ sync socketpair", "bench_grpcpp", "sync socketpair", (ONE_CORE, FREE)),
    Subject("grpc++ callback socketpair", "bench_grpcpp", "callback socketpair"),
    Subject("grpc++ cq socketpair", "bench_grpcpp", "cq socketpair"),
    Subject("tonic current-thread", "bench-tonic", "current-thread", build=peers.tonic),
    Subject("tonic multi-thread", "bench-tonic", "multi-thread", (ONE_CORE, FREE), peers.tonic, rows=ROWS),
    Subject("grpc-java direct", "bench-java", "direct", (ONE_CORE,), peers.grpc_java, slow=True),
    Subject("grpc-java inprocess", "bench-java", "inprocess", (ONE_CORE, FREE), peers.grpc_java, slow=True, rows=ROWS),
    Subject("grpc-go net.Pipe", "bench-go", "pipe", (ONE_CORE, FREE), peers.grpc_go, rows=ROWS),
    Subject("grpc-go bufconn", "bench-go", "bufconn", (ONE_CORE, FREE), peers.grpc_go, rows=ROWS),
    # Several threads. With two cores the programs put each side on one of its own.
    Subject("floor-wakeups", "bench_floor_wakeups", "futex", (ONE_CORE, TWO_CORES, FREE), rows=THREADS),
    Subject("floor-wakeups eventfd", "bench_floor_wakeups", "eventfd", (TWO_CORES,), rows=THREADS),
    Subject("floor-wakeups spin", "bench_floor_wakeups", "spin", (TWO_CORES,), rows=THREADS),
    Subject("floor-protobuf threads", "bench_floor_protobuf", "threads", (TWO_CORES,), rows=THREADS),
    Subject("sluice own thread", "bench_threads", "park", (ONE_CORE, TWO_CORES, FREE), rows=THREADS),
    Subject("sluice own thread, spin", "bench_threads", "spin", (TWO_CORES, FREE), rows=THREADS),
    Subject("sluice caller runs", "bench_threads", "caller", (ONE_CORE, FREE), rows=THREADS),
    Subject("sluice two runtimes", "bench_threads", "across", (TWO_CORES,), rows=THREADS),
    Subject("sluice two loops", "bench_threads", "loops", (TWO_CORES,), rows=THREADS),
    Subject("tonic two threads", "bench-tonic", "two-threads", (ONE_CORE, FREE), peers.tonic, rows=THREADS),
    Subject("grpc++ cq, two threads", "bench_grpcpp", "cq-threads", (ONE_CORE, TWO_CORES, FREE), rows=THREADS),
)


@dataclasses.dataclass
class Plan:
    rows: list
    rounds: int
    seconds: float
    warmup: float
    seed: int | None = None
    peers: bool = False  # builds the programs that CMake does not, which may fetch them
    free_rows: tuple = ROWS  # where the pinning `free` is measured too
    slow_rounds: int = 3  # for what is slow
    thorough: bool = True  # otherwise what is slow is taken at one pinning, without row 11, and no peer's instructions
    count_rounds: int = 3  # for row 11, which hardly drifts


@dataclasses.dataclass(frozen=True)
class Job:
    subject: Subject
    program: str
    rows: tuple
    pinning: str

    def rounds(self, plan):
        """In how many rounds it is measured."""
        few = [plan.rounds]
        if self.subject.slow:
            few.append(plan.slow_rounds)
        if self.rows == (11,):
            few.append(plan.count_rounds)
        return min(few)


def find_program(build, name):
    """The path of a program in the build folder, or None."""
    for folder in ("bin", "bench", "."):
        path = build / folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return str(path.resolve())
    return None


def program_of(build, subject, plan):
    """The subject's program, or None, with a line that says why."""
    if subject.build is None:
        program = find_program(build, subject.program)
        if program is None:
            print(f"{subject.name}: {subject.program} is not built in {build}", file=sys.stderr)
        return program
    if not plan.peers:
        print(f"{subject.name}: left out: not asked for", file=sys.stderr)
        return None
    try:
        return str(subject.build())
    except (peers.Missing, peers.BuildFailed) as why:
        print(f"{subject.name}: left out: {why}", file=sys.stderr)
        return None


def pinned(pinning, command):
    if pinning != ONE_CORE:
        return command
    return ["taskset", "-c", str(max(os.sched_getaffinity(0))), *command]


def run_job(job, plan, number):
    """The results of one process; raises RuntimeError when it fails."""
    command = [job.program, "--rows", ",".join(map(str, job.rows)), "--subject", job.subject.name, "--pinning", job.pinning,
               "--round", str(number), "--seconds", str(plan.seconds), "--warmup", str(plan.warmup)]
    if job.subject.api:
        command += ["--api", job.subject.api]
    done = subprocess.run(pinned(job.pinning, command), capture_output=True, text=True,
                          timeout=120 + 10 * plan.seconds)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise RuntimeError(f"{job.subject.name}, rows {job.rows}, {job.pinning}: {reason[0]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def count_results(jobs, plan):
    """Instructions and system calls of a unary call, once a subject: they do not drift from round to round."""
    results = []
    for job in jobs:
        if job.rows != (1,) or job.pinning != ONE_CORE or job.subject.build is not None:
            continue
        if not plan.thorough and not job.subject.name.startswith(("sluice", "floor-")):
            continue
        api = ["--api", job.subject.api] if job.subject.api else []
        for metric, counter in (("instructions", counts.instructions), ("system_calls", counts.system_calls)):
            try:
                value = counter([job.program, *api], "unary", 500)
            except counts.Unavailable as why:
                print(f"{job.subject.name}: {metric}: {why}", file=sys.stderr)
                continue
            results.append({"row": 1, "name": "unary", "subject": job.subject.name, "params": "", "metric": metric,
                            "unit": "count", "value": value, "pinning": job.pinning, "round": 0})
    return results


def run(build, plan):
    """All results, and a line for each measurement that failed."""
    jobs = []
    for subject in SUBJECTS:
        if not set(plan.rows) & set(subject.rows):
            continue
        program = program_of(build, subject, plan)
        if program is None:
            continue
        for pinning in subject.pinnings:
            rows = [row for row in plan.rows if row in subject.rows and (pinning != FREE or row in plan.free_rows)]
            if subject.slow and not plan.thorough:
                rows = [row for row in rows if row != 11 and pinning == subject.pinnings[0]]
            together = [tuple(rows)] if subject.slow and rows else [(row,) for row in rows]
            jobs += [Job(subject, program, each, pinning) for each in together]
    seed = plan.seed if plan.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"{len(jobs)} measurements in each of {plan.rounds} rounds or fewer, seed {seed}", file=sys.stderr)
    order, results, failures = random.Random(seed), [], []
    for number in range(plan.rounds):
        order.shuffle(jobs)
        for job in [job for job in jobs if number < job.rounds(plan)]:
            try:
                results += run_job(job, plan, number)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failures.append(f"round {number}: {error}")
        print(f"round {number + 1} of {plan.rounds} done", file=sys.stderr)
    return results + count_results(sorted(jobs, key=lambda job: job.subject.name), plan), failures
