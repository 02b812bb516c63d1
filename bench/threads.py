"""Row 2, several threads: which figures its tables show, and what is asked of sluice in them.

Ratios are to the same pinning: what a wake-up costs is another thing on one core and on two.
"""
ROW = 2
MAIN = ("p50", "per_second", "times_one_loop", "times_one_loop_by_cpu")
BASES = ("floor-wakeups", "sluice own thread")
UNARY = (ROW, "unary, server on another thread", "")
LOOPS = (ROW, "two loops", "outstanding=64")
PEERS = ("grpc++", "grpc-go", "tonic", "grpc-java")
GOAL_WAKEUPS, GOAL_LOOPS = 1.1, 1.8


def fastest_peer(results, pinning, at_least=0):
    """(median, name) of the fastest peer at this pinning that takes so long, or None."""
    there = [(results.median(UNARY, "p50", subject, pinning), subject) for subject, p in results.lines.get(UNARY, {})
             if p == pinning and subject.startswith(PEERS)]
    return min((line for line in there if line[0] is not None and line[0] >= at_least), default=None)


def verdicts(results):
    """Lines of a table: what was measured, what was asked for, and how it went."""
    out = []
    for subject in ("sluice own thread", "sluice own thread, spin"):
        for pinning in ("one core", "two cores", "free"):
            mine = results.median(UNARY, "p50", subject, pinning)
            floor = results.cost_ratio(UNARY, "p50", subject, pinning, "floor-wakeups", pinning)
            if mine is None or floor is None:
                continue
            # Who takes less than two bare wake-ups has polled, or had both its threads on one core some of the time.
            # Who spins is compared with those too.
            wakeups = results.median(UNARY, "p50", "floor-wakeups", pinning)
            peer = fastest_peer(results, pinning, 0 if "spin" in subject else wakeups)
            asked = f", must less than {peer[1]}: {peer[0] / 1e3:.3g} µs" if peer else ", every peer is below two wake-ups"
            met = peer is None or mine < peer[0]
            verdict = "MISSED" if not met else "goal met" if floor[0] <= GOAL_WAKEUPS else "must met"
            out.append(f"| {subject}, {pinning} | {mine / 1e3:.3g} µs, {floor[0]:.3g} × two wake-ups | goal {GOAL_WAKEUPS} ×"
                       f"{asked} | {verdict} |")
    times = results.median(LOOPS, "times_one_loop", "sluice two loops", "two cores")
    machine = results.median(LOOPS, "times_one_loop", "floor-protobuf threads", "two cores")
    if times is not None:
        # What is left of a core that others use too is not the loops' to give.
        goal = GOAL_LOOPS * min(1, (machine or 2) / 2)
        of_machine = f", protobuf alone {machine:.3g} ×" if machine else ""
        out.append(f"| two loops, two cores | {times:.3g} × one loop{of_machine} | {goal:.3g} | "
                   f"{'goal met' if times >= goal else 'MISSED'} |")
    if not out:
        return []
    return ["### Threads: sluice against its targets", "", "| row 2 | sluice | asked for | verdict |", "|" + " --- |" * 4,
            *out, ""]
