#!/usr/bin/env python3
"""Runs the benchmark: every subject on every row, rounds in random order, or the gate.

  bench/run.py --build build/bench [--quick] [--rows 1,3] [--rounds N] [--json FILE] [--page FILE]
  bench/run.py --build build/bench --gate [--write-budgets]

What each row means stands in docs/performance.md; how the programs measure, in README.md beside this file.
"""
import argparse
import dataclasses
import json
import pathlib
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import gate  # noqa: E402
import machine  # noqa: E402
import matrix  # noqa: E402
import page  # noqa: E402
import table  # noqa: E402


def to_rows(text):
    rows = [int(part) for part in text.split(",")]
    unknown = [row for row in rows if row not in matrix.ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no row {unknown[0]}; there are {', '.join(map(str, matrix.ROWS))}")
    return rows


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder with the bench programs")
    parser.add_argument("--quick", action="store_true", help="under three minutes: short measurements, three rounds")
    parser.add_argument("--rows", type=to_rows, default=list(matrix.ROWS), help="only these rows, such as 1,3")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (10, quick 3)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (0.4, quick 0.1)")
    parser.add_argument("--seed", type=int, help="of the order; printed, random unless given")
    parser.add_argument("--json", type=pathlib.Path, help="writes every result to this file, as an array")
    parser.add_argument("--from", type=pathlib.Path, dest="saved", metavar="FILE", help="measures nothing: takes what --json wrote")
    parser.add_argument("--page", type=pathlib.Path, help="puts the run into this page, between its marks, and a plot beside it")
    parser.add_argument("--gate", action="store_true", help="compares counts with budgets.json instead")
    parser.add_argument("--write-budgets", action="store_true", help="with --gate: takes what is measured as budgets")
    args = parser.parse_args(argv)
    if args.write_budgets and not args.gate:
        parser.error("--write-budgets goes with --gate")
    if args.rounds is not None and args.rounds < 1:
        parser.error("--rounds must be at least 1")
    return args


def words_of(argv):
    """What to tell ./dev to repeat this: without the build folder, which it knows, and without files of this time."""
    out, words = [], iter(argv)
    for word in words:
        if word in ("--build", "--json", "--from"):
            next(words)
        else:
            out.append(word)
    return out


def plan_of(args):
    """A quick run shows where things stand; a full one is for publishing."""
    plan = matrix.Plan(rows=args.rows, rounds=args.rounds or 10, seconds=args.seconds or 0.4, warmup=0.1, seed=args.seed, peers=True)
    if not args.quick:
        return plan
    return dataclasses.replace(plan, rounds=args.rounds or 3, seconds=args.seconds or 0.1, warmup=0.03, free_rows=(1, 2),
                               slow_rounds=1, count_rounds=1, thorough=False)


def main(argv):
    args = parse(argv)
    if args.gate:
        return gate.run(args.build, write_budgets=args.write_budgets)
    plan, facts = plan_of(args), machine.describe(args.build)
    results, failures = (json.loads(args.saved.read_text()), []) if args.saved else matrix.run(args.build, plan)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    print(table.markdown(results))
    if args.page and results:
        page.write(args.page, results, facts, "./dev bench " + shlex.join(words_of(argv)), plan)
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures or not results else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
