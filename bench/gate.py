"""The gate: counts a call against the committed budgets.json.

Times drift on shared machines; instructions, allocations and system calls do not, so these are what a change is
held to. A budget is written by `--write-budgets`, at most one per cent above what was measured, and rises only
with a page in docs/decisions/ that says what the user got for it.
"""
import dataclasses
import json
import math
import pathlib

import counts
from matrix import find_program

BUDGETS = pathlib.Path(__file__).resolve().parent / "budgets.json"
METRICS = ("instructions", "allocations", "system_calls")
# Calls of one run, by scenario: fewer where a call is long, multiples of the 64 payloads so that each run sends
# the same ones. Every run checks every answer.
SCENARIOS = {
    "unary": 2048,
    "unary_deadline": 2048,
    "unary_metadata": 1024,
    "unary_64k": 256,
    "unary_1m": 64,
    "stream_message": 2048,
    "client_message": 2048,
    "ping_pong": 2048,
    "cancel": 1024,
    "error_details": 1024,
    "two_loops": 2048,  # of two Runtimes, driven by one thread: with two threads no count repeats itself
}
SLACK = 1.01


@dataclasses.dataclass
class Measured:
    values: dict = dataclasses.field(default_factory=dict)   # metric -> count a call
    missing: dict = dataclasses.field(default_factory=dict)  # metric -> why it could not be taken
    error: str = ""                                          # the program failed
    compiler: str = ""
    floor_allocations: float | None = None                   # protobuf's own, in the same run


# A tick also ends by the clock, so that a busy machine cuts streams into smaller pieces: that only adds. What is over
# its budget is measured so often again, and the least counts.
AGAIN = 4


def rounded(metric, value):
    """Instructions to whole ones. The rest to hundredths: one stray brk in thousands of calls is no finding."""
    return round(value) if metric == "instructions" else round(value, 2) + 0.0


def floor_allocations(program, scenario, calls):
    try:
        return counts.allocations(program, scenario, calls) if program else None
    except counts.Unavailable:
        return None  # the floor does the work of the rows only


def measure(program, scenario, floor_program=None, calls=64):
    measured = Measured()
    try:
        measured.compiler = counts.describe(program, scenario, 1)["compiler"]
        measured.floor_allocations = floor_allocations(floor_program, scenario, calls)
        for metric in METRICS:
            try:
                measured.values[metric] = rounded(metric, getattr(counts, metric)(program, scenario, calls))
            except counts.Unavailable as why:
                measured.missing[metric] = str(why)
    except (counts.Unavailable, counts.Failed) as why:
        measured.error = str(why)
    return measured


def budget_for(metric, value, old=None):
    """At most one per cent above; counts of allocations and system calls have no slack at all. A budget that holds
    does not rise: one per cent each time would be no budget."""
    budget = math.floor(value * SLACK) if metric == "instructions" else value
    return min(budget, old) if old is not None and value <= old else budget


def compare(measured, budget, budget_compiler):
    """(verdict, remarks): verdict is ok, FAIL or skip."""
    if measured.error:
        return "FAIL", [measured.error]
    if budget is None:
        return "FAIL", ["no budget: measure with --gate --write-budgets"]
    verdict, remarks = "ok", []
    for metric in METRICS:
        if metric in measured.missing:
            remarks.append(f"{metric} not counted: {measured.missing[metric]}")
        elif metric not in budget:
            return "FAIL", [f"no budget for {metric}: measure with --gate --write-budgets"]
        elif metric == "instructions" and measured.compiler != budget_compiler:
            remarks.append(f"instructions not compared: budget is for {budget_compiler}, this is {measured.compiler}")
        else:
            value, limit = measured.values[metric], budget[metric]
            if value > limit:
                verdict = "FAIL"
                remarks.append(f"{metric} {value} over the budget of {limit}")
            continue
        if verdict == "ok":
            verdict = "skip"
    return verdict, remarks


def line(scenario, verdict, measured, budget, remarks):
    parts = []
    for metric in METRICS:
        if metric in measured.values:
            limit = (budget or {}).get(metric, "-")
            part = f"{measured.values[metric]} / {limit} {metric.replace('_', ' ')}"
            if metric == "allocations" and measured.floor_allocations is not None:
                beyond = measured.values[metric] - measured.floor_allocations
                part += f" ({beyond:g} beyond protobuf's {measured.floor_allocations:g})"
            parts.append(part)
    text = f"{verdict:4} {scenario:15} {', '.join(parts)}"
    return text + (f"  [{'; '.join(remarks)}]" if remarks else "")


def load(path):
    if not path.exists():
        return {"compiler": "", "scenarios": {}}
    return json.loads(path.read_text())


def write(path, results):
    """Takes over what was counted; keeps the old budget of what could not be."""
    budgets = load(path)
    for scenario, measured in results.items():
        if measured.error:
            continue
        old = budgets["scenarios"].get(scenario, {})
        new = {metric: budget_for(metric, value, old.get(metric)) for metric, value in measured.values.items()}
        for metric in new:
            if metric in old and new[metric] > old[metric]:
                print(f"raised: {scenario} {metric} from {old[metric]} to {new[metric]}: "
                      "docs/decisions/ must say what for")
        budgets["compiler"] = measured.compiler
        budgets["scenarios"][scenario] = {**old, **new}
    path.write_text(json.dumps(budgets, indent=2) + "\n")


@dataclasses.dataclass(frozen=True)
class Gate:
    """What is held to which budgets; run_test.py puts a program of known costs here."""
    program: str = "bench_sluice"
    floor: str = "bench_floor_protobuf"
    scenarios: dict = dataclasses.field(default_factory=lambda: SCENARIOS)  # name -> calls of one run
    budgets: pathlib.Path = BUDGETS


def run(build, write_budgets=False, what=Gate()):
    path, floor_path = find_program(build, what.program), find_program(build, what.floor)
    if path is None:
        print(f"FAIL {what.program} is not built in {build}")
        print(f"0 passed, {len(what.scenarios)} failed, 0 skipped")
        return 1
    floor = [floor_path] if floor_path else None
    results = {scenario: measure([path], scenario, floor, calls) for scenario, calls in what.scenarios.items()}
    if write_budgets:
        write(what.budgets, results)
    budgets, tally = load(what.budgets), {"ok": 0, "FAIL": 0, "skip": 0}
    for scenario, measured in results.items():
        budget = budgets["scenarios"].get(scenario)
        verdict, remarks = compare(measured, budget, budgets["compiler"])
        for _ in range(AGAIN if verdict == "FAIL" and not measured.error else 0):
            again = measure([path], scenario, floor, what.scenarios[scenario])
            for metric, value in again.values.items():
                measured.values[metric] = min(value, measured.values.get(metric, value))
            verdict, remarks = compare(measured, budget, budgets["compiler"])
            if verdict != "FAIL":
                break
        tally[verdict] += 1
        print(line(scenario, verdict, measured, budget, remarks), flush=True)
    print(f"{tally['ok']} passed, {tally['FAIL']} failed, {tally['skip']} skipped")
    return 1 if tally["FAIL"] else 0
