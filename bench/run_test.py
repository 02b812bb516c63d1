#!/usr/bin/env python3
"""Tests of the benchmark's own tools: the gate against a program of known costs, the ratios, the command line.

  bench/run_test.py PATH-OF-gate_fake
"""
import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
import unittest.mock
from xml.etree import ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import counts  # noqa: E402
import gate  # noqa: E402
import matrix  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
import profile_call  # noqa: E402
import run  # noqa: E402
import table  # noqa: E402
import threads  # noqa: E402

FAKE = ""


def result(subject, number, value, metric="p50", row=1, pinning="one core", unit="ns"):
    return {"row": row, "name": "unary", "subject": subject, "params": "", "metric": metric, "unit": unit,
            "value": value, "pinning": pinning, "round": number}


class Fake:
    """A build folder that holds only the fake, and a budgets file of its own."""

    def __init__(self, folder):
        self.build, self.budgets = pathlib.Path(folder), pathlib.Path(folder) / "budgets.json"
        (self.build / "bin").mkdir()
        (self.build / "bin" / "fake").symlink_to(FAKE)

    def gate(self, write=False, program="fake", scenarios=("unary",), calls=50, **costs):
        for name in ("ALLOCATIONS", "SYSTEM_CALLS", "WORK"):
            os.environ[f"FAKE_{name}"] = str(costs.get(name.lower(), 2))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = gate.run(self.build, write, gate.Gate(program, "none", dict.fromkeys(scenarios, calls), self.budgets))
        return code, out.getvalue()


class Gate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fake = Fake(folder.name)

    def test_what_is_over_is_counted_again_and_the_least_counts(self):
        self.fake.gate(write=True)
        measure, seen = gate.measure, []

        def busy(*args):
            measured = measure(*args)
            seen.append(measured)
            if len(seen) < 3:  # so often the machine is busy
                measured.values["allocations"] += 1
            return measured
        with unittest.mock.patch.object(gate, "measure", busy):
            self.assertEqual(self.fake.gate()[0], 0)
            self.assertEqual(len(seen), 3)
            self.assertEqual(self.fake.gate(allocations=3)[0], 1)
            self.assertEqual(len(seen), 3 + 1 + gate.AGAIN)

    def test_counts_are_exact_and_leave_out_start_up(self):
        os.environ.update(FAKE_ALLOCATIONS="3", FAKE_SYSTEM_CALLS="2", FAKE_WORK="0")
        self.assertEqual(counts.allocations([FAKE], "unary", 50), 3)
        self.assertEqual(counts.system_calls([FAKE], "unary", 50), 2)
        idle = counts.instructions([FAKE], "unary", 50)
        os.environ["FAKE_WORK"] = "1000"
        self.assertGreater(counts.instructions([FAKE], "unary", 50), idle + 1000)

    def test_passes_at_its_own_budget_and_fails_when_any_count_exceeds_it(self):
        code, out = self.fake.gate(write=True, work=1000, scenarios=("unary", "stream_message"))
        self.assertEqual((code, out.splitlines()[-1]), (0, "2 passed, 0 failed, 0 skipped"))
        self.assertEqual(self.fake.gate(work=1000)[0], 0)
        for metric, costs in (("instructions", {"work": 1030}), ("allocations", {"work": 1000, "allocations": 3}),
                              ("system_calls", {"work": 1000, "system_calls": 3})):
            code, out = self.fake.gate(**costs)
            self.assertEqual((code, out.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"), metric)
            self.assertRegex(out, f"FAIL unary .*{metric} [0-9.]+ over the budget of")

    def test_writes_budgets_at_most_one_per_cent_above_and_says_which_rose(self):
        self.fake.gate(write=True, work=100, calls=500)
        first = json.loads(self.fake.budgets.read_text())["scenarios"]["unary"]
        measured = gate.measure([FAKE], "unary", calls=500).values
        # Two runs of one program differ: start-up depends on where the loader puts things.
        self.assertAlmostEqual(first["instructions"], measured["instructions"] * 1.01, delta=5)
        self.assertEqual(gate.budget_for("instructions", 1000), 1010)
        self.assertEqual((first["allocations"], first["system_calls"]), (2, 2))
        self.assertEqual(gate.budget_for("instructions", 995, 1000), 1000)
        self.assertEqual(gate.budget_for("instructions", 900, 1000), 909)
        self.assertIn("raised: unary allocations from 2.0 to 5.0", self.fake.gate(write=True, allocations=5)[1])

    def test_fails_without_a_budget_a_program_or_a_scenario(self):
        code, out = self.fake.gate()
        self.assertEqual(code, 1)
        self.assertIn("no budget", out)
        code, out = self.fake.gate(program="gone")
        self.assertEqual((code, out.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertNotEqual(gate.measure([FAKE], "missing").error, "")

    def test_counts_as_skipped_what_cannot_be_compared_but_still_fails_on_the_rest(self):
        budget = {"instructions": 10, "allocations": 2, "system_calls": 0}
        other = gate.Measured(values=dict(budget, instructions=99), compiler="g++ 13")
        self.assertEqual(gate.compare(other, budget, "g++ 12")[0], "skip")
        other.values["allocations"] = 3
        self.assertEqual(gate.compare(other, budget, "g++ 12")[0], "FAIL")
        missing = gate.Measured(values={"allocations": 2, "system_calls": 0}, compiler="g++ 12",
                                missing={"instructions": "valgrind is not installed"})
        self.assertEqual(gate.compare(missing, budget, "g++ 12")[0], "skip")
        missing.values["system_calls"] = 1
        self.assertEqual(gate.compare(missing, budget, "g++ 12")[0], "FAIL")


class Table(unittest.TestCase):
    def test_ratios_are_taken_inside_a_round_and_as_cost(self):
        raw = [result("sluice", 0, 200), result("sluice", 1, 400), result("floor-protobuf", 0, 100),
               result("floor-protobuf", 1, 200)]
        results = table.Results(raw)
        key = (1, "unary", "")
        self.assertEqual(results.cost_ratio(key, "p50", "sluice", "one core", "floor-protobuf"), (2, 2, 2))
        rates = table.Results([dict(r, metric="per_second", unit="1/s") for r in raw])
        self.assertEqual(rates.cost_ratio(key, "per_second", "sluice", "one core", "floor-protobuf"), (0.5, 0.5, 0.5))

    def test_scales_targets_by_the_floor_of_the_same_run(self):
        def verdicts(sluice, floor):
            raw = [result("sluice", 0, sluice), result("floor-protobuf", 0, floor)]
            return "\n".join(table.targets(table.Results(raw)))
        self.assertIn("goal met", verdicts(490, 130))
        self.assertIn("must met", verdicts(990, 130))
        self.assertIn("MISSED", verdicts(1010, 130))
        self.assertIn("must met", verdicts(1010, 260))
        self.assertEqual(table.targets(table.Results([result("sluice", 0, 490)])), [])

    def test_gives_figures_a_fitting_unit(self):
        for value, unit, text in ((146.2, "ns", "146 ns"), (2240, "ns", "2.24 µs"), (2e6, "1/s", "2 M/s"),
                                  (2.04e10, "B/s", "20.4 GB/s"), (17, "count", "17"), (26784, "B", "26784 B")):
            self.assertEqual(table.figure(value, unit), text)

    def test_judges_threads_by_wake_ups_and_peers_of_the_same_pinning(self):
        def verdict(sluice, peer):
            raw = [dict(result(name, 0, value, row=2, pinning="two cores"), name=threads.UNARY[1])
                   for name, value in (("floor-wakeups", 100), ("sluice own thread", sluice), ("grpc++ x", peer))]
            raw.append(dict(raw[0], pinning="one core", value=1))
            text = table.markdown(raw)
            self.assertIn("| 1.1 (1.1–1.1) |" if sluice == 110 else "| **sluice own thread** |", text)
            lines = threads.verdicts(table.Results(raw))
            self.assertIn("\n".join(lines), text)
            return "\n".join(lines)
        self.assertIn("goal met", verdict(110, 200))
        self.assertIn("must met", verdict(120, 200))
        self.assertIn("MISSED", verdict(120, 120))
        raw = [dict(result("sluice two loops", 0, 1.79, metric="times_one_loop", row=2, pinning="two cores", unit="count"),
                    name=threads.LOOPS[1], params=threads.LOOPS[2])]
        self.assertIn("1.79 × one loop | 1.8 | MISSED", table.markdown(raw))
        raw.append(dict(raw[0], subject="floor-protobuf threads", value=1.9))
        self.assertIn("1.79 × one loop, protobuf alone 1.9 × | 1.71 | goal met", table.markdown(raw))

    def test_markdown_has_a_line_for_each_subject_and_pinning(self):
        raw = [result("floor-protobuf", 0, 100), result("grpc++ sync", 0, 900),
               result("grpc++ sync", 0, 800, pinning="free")]
        text = table.markdown(raw)
        self.assertEqual(text.count("| grpc++ sync |"), 2)
        self.assertIn("9 (9–9)", text)


class Honesty(unittest.TestCase):
    """What a reader must see without looking for it."""

    def test_marks_and_lists_every_peer_that_is_faster(self):
        raw = [result("sluice", 0, 100), result("tonic", 0, 90), result("grpc-go", 0, 110), result("floor-x", 0, 1)]
        text = table.markdown(raw)
        self.assertIn("| tonic ▲ |", text)
        self.assertIn("| 1 unary | tonic, one core | 90 ns | 100 ns |", text)
        for other in ("grpc-go ▲", "floor-x ▲", "| 1 unary | grpc-go"):
            self.assertNotIn(other, text)
        rates = [dict(r, row=3, params="outstanding=1", metric="per_second", unit="1/s") for r in raw]
        self.assertIn("| grpc-go ▲ |", table.markdown(rates))

    def test_says_that_no_peer_is_faster_only_where_there_were_any_figures(self):
        self.assertIn("Nowhere in this run", table.markdown([result("sluice", 0, 100), result("tonic", 0, 110)]))
        self.assertNotIn("Where a peer", table.markdown([result("tonic", 0, 110)]))

    def test_holds_row_1_to_the_blocking_api_free_and_shows_the_others(self):
        def verdict(free):
            raw = [result("sluice", 0, 100), result("grpc++ sync", 0, free, pinning="free"), result("grpc++ cq", 0, 700)]
            return "\n".join(table.against_grpcpp(table.Results(raw)))
        self.assertIn("| 80 (80–80) | goal met", verdict(8000))
        self.assertIn("must met", verdict(3000))
        self.assertIn("MISSED", verdict(2900))
        self.assertIn("| grpc++ cq | one core | 700 ns | 7 (7–7) |  |", verdict(2900))

    def test_holds_allocations_to_what_is_beyond_protobuf(self):
        def verdict(sluice, floor):
            raw = [dict(result(subject, 0, value, "allocations", 11, unit="count"), name="allocations a unary call")
                   for subject, value in (("sluice", sluice), ("floor-protobuf", floor))]
            return table.counted(table.Results(raw))[0].split("|")[-2].strip()
        self.assertEqual([verdict(5, 5), verdict(9, 5), verdict(10, 5)], ["goal met", "must met", "MISSED"])


class Page(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.page = pathlib.Path(folder.name) / "page.md"
        self.plan = matrix.Plan(rows=[1], rounds=2, seconds=0.5, warmup=0.1)

    def write(self, raw):
        page.write(self.page, raw, [("processor", "one & only")], "./dev bench --rows 1", self.plan)
        return self.page.read_text()

    def test_replaces_what_is_between_the_marks_and_nothing_else(self):
        self.page.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
        first = self.write([result("sluice", 0, 100), result("tonic <2>", 0, 110)])
        self.assertTrue(first.startswith(f"before\n{page.BEGIN}\n") and first.endswith(f"{page.END}\nafter\n"))
        self.assertNotIn("old", first)
        for part in ("./dev bench --rows 1", "one & only", "2 rounds", "](page.svg)", "**sluice**"):
            self.assertIn(part, first)
        self.assertEqual(self.write([result("sluice", 0, 100), result("tonic <2>", 0, 110)]), first)

    def test_refuses_a_page_without_marks(self):
        self.page.write_text("nothing")
        with self.assertRaises(page.NoMarks):
            self.write([result("sluice", 0, 100)])

    def test_plots_every_line_with_its_spread_as_well_formed_xml(self):
        raw = [result("sluice", 0, 100), result("sluice", 1, 300), result("tonic <2>", 0, 1e6)]
        drawing = plot.svg(table.Results(raw))
        root = ElementTree.fromstring(drawing)
        bars = [e.get("class") for e in root.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertEqual(bars, ["sluice", "peer"])
        self.assertIn("tonic &lt;2&gt;, one core", drawing)
        self.assertEqual(plot.svg(table.Results([])), "")

    def test_the_command_leaves_out_what_only_this_machine_knows(self):
        self.assertEqual(run.words_of(["--build", "b", "--quick", "--json", "x", "--rows", "1"]), ["--quick", "--rows", "1"])


CALLGRIND = """version: 1
positions: line
events: Ir

ob=(1) /program
fl=(1) /a.cc
fn=(1) outer
10 5
+1 {outer}
cfn=(2) inner
calls={calls} 20
* {below}

fn=(2)
20 {below}
fi=(2) /b.h
7 3
"""


class ProfileCall(unittest.TestCase):
    def test_reads_abbreviated_names_and_positions_and_subtracts(self):
        def profile(calls):
            text = CALLGRIND.format(calls=calls, outer=2 * calls, below=10 * calls)
            return profile_call.Parser(text.splitlines()).profile
        difference = profile(20).minus(profile(10))
        self.assertEqual(dict(difference.own), {"outer": 20, "inner": 100})
        self.assertEqual(dict(difference.lines), {("/a.cc", 11): 20, ("/a.cc", 20): 100})
        rows = {row[3]: row[:3] for row in profile_call.rows_of(difference, "function")}
        self.assertEqual(rows, {"outer": (20, 120, 0), "inner": (100, 100, 10)})

    def test_adds_up_to_what_the_gate_counts(self):
        os.environ.update(FAKE_ALLOCATIONS="1", FAKE_SYSTEM_CALLS="0", FAKE_WORK="100")
        once, twice = (profile_call.callgrind([FAKE], "unary", n, False) for n in (500, 1000))
        total = sum(twice.minus(once).own.values()) / 500
        self.assertAlmostEqual(total, counts.instructions([FAKE], "unary", 500), delta=5)


class CommandLine(unittest.TestCase):
    def test_refuses_rows_that_are_not_there_and_budgets_without_the_gate(self):
        for argv in (["--rows", "13"], ["--rows", "x"], ["--write-budgets"], ["--rounds", "0"]):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
                run.parse(["--build", "x", *argv])
        self.assertEqual(run.parse(["--build", "x", "--rows", "3,1"]).rows, [3, 1])

    def test_a_subject_that_is_not_built_costs_only_its_lines(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as said:
            plan = matrix.Plan(rows=[1], rounds=1, seconds=0.01, warmup=0.01, seed=1)
            self.assertEqual(matrix.run(pathlib.Path(folder), plan), ([], []))
        self.assertIn("sluice: bench_sluice is not built", said.getvalue())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    FAKE = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
