"""From results to Markdown: a table a row, medians over rounds, and medians of per-round ratios with their spread.

Ratios are taken inside one round, where machine and neighbours were the same, and always as cost: 2.0 means twice
the time, or half the rate. ▲ marks a peer that beats every line of sluice's.
"""
import collections
import statistics

import threads

MAIN = {1: "p50", 3: "per_second", 4: "p50", 5: "p50", 6: "bytes_per_second"}
BESIDE = ("p99", "cpu", "context_switches", "instructions", "system_calls")
RATES = ("per_second", "bytes_per_second")
BASES = ("floor-protobuf", "sluice")

# What docs/performance.md asks of sluice: (row, params, metric, goal, must), for a machine on which the
# floor-protobuf of row 1 takes REFERENCE_FLOOR nanoseconds; scaled by what it takes here.
REFERENCE_FLOOR = 130.0
TARGETS = (
    (1, "", "p50", 500.0, 1000.0),
    (3, "outstanding=1", "per_second", 2e6, 1e6),
    (3, "outstanding=8", "per_second", 2e6, 1e6),
    (3, "outstanding=64", "per_second", 2e6, 1e6),
    (3, "outstanding=512", "per_second", 2e6, 1e6),
    (4, "", "p50", 400.0, 800.0),
    (5, "messages=1024", "p50", 150.0, 388.0),
    (6, "", "bytes_per_second", 25e9, 10e9),
)
# Row 11, (name, metric, goal, must): counts are compared as they are.
COUNTED = (
    ("allocations a unary call", "allocations", 0, 4),
    ("idle connection, one end", "bytes", 4096, 16384),
    ("idle stream, one end", "bytes", 1024, 4096),
    ("first reply after process start", "p50", 2e6, None),
)
GRPCPP_LINE, GRPCPP_GOAL, GRPCPP_MUST = ("grpc++ sync", "free"), 80, 30


def figure(value, unit):
    """A number as a reader wants it: three digits and a fitting unit."""
    if value is None:
        return ""
    if unit == "ns":
        unit, value = ("ns", value) if value < 1000 else ("µs", value / 1e3) if value < 1e6 else ("ms", value / 1e6)
    elif unit == "us":
        unit = "µs"
    elif unit in ("1/s", "B/s"):
        for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if value >= size:
                unit, value = prefix + unit.replace("1/s", "/s"), value / size
                break
    number = f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
    return number if unit == "count" else f"{number} {unit}"


class Results:
    """Values by measurement, metric and subject, each a dict from round to value."""

    def __init__(self, results):
        self.values = collections.defaultdict(dict)  # (row, name, params, metric, subject, pinning) -> {round: value}
        self.units, self.measurements, self.lines = {}, {}, collections.defaultdict(dict)
        for r in results:
            key = (r["row"], r["name"], r["params"])
            self.measurements[key] = True
            self.lines[key][(r["subject"], r["pinning"])] = True
            self.units[(key, r["metric"])] = r["unit"]
            self.values[(key, r["metric"], r["subject"], r["pinning"])][r["round"]] = r["value"]

    def rounds(self, key, metric, subject, pinning="one core"):
        return self.values.get((key, metric, subject, pinning), {})

    def median(self, key, metric, subject, pinning="one core"):
        rounds = self.rounds(key, metric, subject, pinning)
        return statistics.median(rounds.values()) if rounds else None

    def cost_ratio(self, key, metric, subject, pinning, base, base_pinning="one core"):
        """(median, low, high) of the per-round ratios to `base`, or None."""
        mine, theirs = self.rounds(key, metric, subject, pinning), self.rounds(key, metric, base, base_pinning)
        ratios = []
        for number in mine.keys() & theirs.keys():
            a, b = (theirs, mine) if metric in RATES else (mine, theirs)
            if b[number]:
                ratios.append(a[number] / b[number])
        return (statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def ratio_text(ratio):
    return "" if ratio is None else f"{ratio[0]:.3g} ({ratio[1]:.3g}–{ratio[2]:.3g})"


def key_order(key):
    row, name, params = key
    digits = "".join(c for c in params if c.isdigit())
    return row, name, int(digits) if digits else 0


def main_metrics(results, key):
    """What the tables of a measurement are of."""
    row, there = key[0], {m for k, m in results.units if k == key}
    if row == threads.ROW:
        return [m for m in threads.MAIN if m in there]
    return [MAIN[row]] if row in MAIN else sorted(there)


def table_of(results, key, metric):
    beside = [m for m in BESIDE if metric in MAIN.values() and (key, m) in results.units]
    bases = threads.BASES if key[0] == threads.ROW else BASES
    heads = ["subject", "pinning", f"median {metric}", "min–max", *beside, *(f"× {base}" for base in bases)]
    out = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    unit = results.units[(key, metric)]
    lines = [line for line in results.lines[key] if results.rounds(key, metric, *line)]
    for subject, pinning in sorted(lines, key=lambda line: results.median(key, metric, *line),
                                   reverse=metric in RATES):
        rounds = results.rounds(key, metric, subject, pinning).values()
        mark = f"**{subject}**" if is_sluice(subject) else f"{subject} ▲" if is_faster(results, key, metric, subject, pinning) else subject
        cells = [mark, pinning, figure(statistics.median(rounds), unit),
                 f"{figure(min(rounds), unit)} – {figure(max(rounds), unit)}"]
        cells += [figure(results.median(key, m, subject, pinning), results.units[(key, m)]) for m in beside]
        base_pinning = pinning if key[0] == threads.ROW else "one core"
        cells += [ratio_text(results.cost_ratio(key, metric, subject, pinning, base, base_pinning)) for base in bases]
        out.append("| " + " | ".join(cells) + " |")
    return out


def floor_scale(results):
    floor = results.median((1, "unary", ""), "p50", "floor-protobuf")
    return floor / REFERENCE_FLOOR if floor else None


def verdict(value, metric, goal, must, scale):
    if metric in RATES:
        value, goal, must = -value, -goal / scale, -must / scale
    else:
        goal, must = goal * scale, must * scale
    return "goal met" if value <= goal else "must met" if value <= must else "MISSED"


def is_sluice(subject):
    return subject.startswith("sluice")


def is_floor(subject):
    return subject.startswith("floor-")


def best_sluice(results, key, metric):
    """Our best median of a measurement, or None."""
    medians = [results.median(key, metric, *line) for line in results.lines[key] if is_sluice(line[0])]
    medians = [value for value in medians if value is not None]
    return (max if metric in RATES else min)(medians) if medians else None


def is_faster(results, key, metric, subject, pinning):
    """True for a peer whose median beats all of ours."""
    ours, theirs = best_sluice(results, key, metric), results.median(key, metric, subject, pinning)
    if ours is None or theirs is None or is_sluice(subject) or is_floor(subject):
        return False
    return theirs > ours if metric in RATES else theirs < ours


def asked(what, value, goal, must, unit, met):
    return f"| {what} | {figure(value, unit)} | {figure(goal, unit)} | {figure(must, unit)} | {met} |"


def counted(results):
    """Row 11: counts and bytes, which no machine scales."""
    out = []
    for name, metric, goal, must in COUNTED:
        key = (11, name, "")
        value = results.median(key, metric, "sluice")
        if value is None:
            continue
        if metric == "allocations":
            floor = results.median(key, metric, "floor-protobuf")
            if floor is None:
                continue
            value, name = max(value - floor, 0), f"{name} beyond protobuf's {floor:g}"
        out.append(asked(f"11 {name}", value, goal, must, results.units[(key, metric)],
                         "goal met" if value <= goal else "goal missed" if must is None else "must met" if value <= must else "MISSED"))
    return out


def targets(results):
    """Sluice against the targets, scaled by this run's floor-protobuf; nothing without both."""
    scale = floor_scale(results)
    if scale is None:
        return []
    out = []
    for row, params, metric, goal, must in TARGETS:
        for key in results.measurements:
            value = results.median(key, metric, "sluice")
            if (key[0], key[2]) != (row, params) or value is None:
                continue
            factor = 1 / scale if metric in RATES else scale
            out.append(asked(f"{row} {key[1]} {params}".strip(), value, goal * factor, must * factor, results.units[(key, metric)],
                             verdict(value, metric, goal, must, scale)))
    out += counted(results)
    if not out:
        return []
    return [f"### sluice against its targets, scaled by {scale:.2f} (this run's floor-protobuf)", "",
            "| row | sluice | goal | must | verdict |", "|" + " --- |" * 5, *out, ""]


def against_grpcpp(results):
    """Row 1 as a multiple of grpc++, every API and pinning; what is asked refers to the blocking API, free."""
    key, out = (1, "unary", ""), []
    for subject, pinning in sorted(results.lines.get(key, {})):
        ratio = results.cost_ratio(key, "p50", subject, pinning, "sluice") if subject.startswith("grpc++") else None
        if ratio is None:
            continue
        met = ""
        if (subject, pinning) == GRPCPP_LINE:
            met = "goal met" if ratio[0] >= GRPCPP_GOAL else "must met" if ratio[0] >= GRPCPP_MUST else "MISSED"
            met += f": goal {GRPCPP_GOAL} ×, must {GRPCPP_MUST} ×"
        out.append(f"| {subject} | {pinning} | {figure(results.median(key, 'p50', subject, pinning), 'ns')} | {ratio_text(ratio)} | "
                   f"{met} |")
    if not out:
        return []
    return ["### Row 1: what grpc++ takes for each call of sluice", "",
            "Nothing is asked of the other lines; they are here because another API or pinning gives another factor. With `free` the "
            "kernel puts grpc++'s threads on one core or on two, which a spread of two or three times shows.", "",
            "| grpc++ | pinning | p50 | × sluice | verdict |", "|" + " --- |" * 5, *out, ""]


def losses(results):
    """Every line of a peer that beats all of ours; said even when there is none."""
    out, asked_for = [], False
    for key in sorted(results.measurements, key=key_order):
        for metric in main_metrics(results, key):
            if (key, metric) not in results.units or best_sluice(results, key, metric) is None:
                continue
            asked_for = True
            out += [f"| {key[0]} {key[1]} {key[2]}".rstrip() + f" | {subject}, {pinning} | "
                    f"{figure(results.median(key, metric, subject, pinning), results.units[(key, metric)])} | "
                    f"{figure(best_sluice(results, key, metric), results.units[(key, metric)])} |"
                    for subject, pinning in sorted(results.lines[key]) if is_faster(results, key, metric, subject, pinning)]
    if not asked_for:
        return []
    if not out:
        return ["### Where a peer is faster", "", "Nowhere in this run.", ""]
    return ["### Where a peer is faster, or takes less", "", "| row | peer | its median | best of sluice |", "|" + " --- |" * 4, *out, ""]


def markdown(raw):
    results = Results(raw)
    out = []
    for key in sorted(results.measurements, key=key_order):
        row, name, params = key
        for metric in main_metrics(results, key):
            if (key, metric) not in results.units:
                continue
            out += [f"### {row} {name}{' (' + params + ')' if params else ''}", "", *table_of(results, key, metric), ""]
    verdicts = targets(results) + against_grpcpp(results) + threads.verdicts(results) + losses(results)
    return "\n".join(verdicts + out)
