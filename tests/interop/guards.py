"""How near honest connections come to the limits of their guards: gathered from what our programs told of it."""
import re
import subprocess

BEGIN, END = "<!-- measured: ./dev interop --guards docs/security.md -->", "<!-- /measured -->"
LINE = re.compile(r"limit peaks: (.*)$", re.M)
PEAK = re.compile(r"(\w+) (\d+) of (\d+)")
# Fields of Limits, and what is counted.
GUARDS = {
    "resets": "streams reset early, or reset when they had gone",
    "provoked_resets": "stream errors",
    "pings": "PING of the burst",
    "control_frames": "frames of the burst",
    "window_updates_per_data": "frames, of those that streams and DATA make room for",
    "mean_window_update": "the limit, and the bytes of a mean frame",
    "empty_frames": "in a row",
    "continuation_frames": "of one block",
    "header_list_breaches": "lists",
    "queued_replies": "replies that wait to be written",
    "handshake_timeout": "ms",
    "header_block_timeout": "ms",
    "settings_ack_timeout": "ms",
    "write_stall_timeout": "ms",
    "handshakes": "connections",
}


LOADS = ("direct", "proxies", "benchmark")
# Rows of the benchmark with programs and --api of ours: calls one by one, 1,024 at once, streams, 1 MiB, held connections,
# several threads.
PROGRAMS = (("bench_sluice", "", "1,3,4,5,6,11"), *(("bench_threads", api, "2") for api in "park spin caller across loops".split()))
SCENARIOS = ("unary_metadata", "client_message", "cancel", "error_details")


def run_benchmark(build, folder):
    """The benchmark's loads, briefly; what the programs tell goes to folder."""
    runs = [(program, ["--rows", rows, *(["--api", api] if api else [])]) for program, api, rows in PROGRAMS]
    runs += [("bench_sluice", ["--scenario", name, "--calls", "20000"]) for name in SCENARIOS]
    for i, (program, flags) in enumerate(runs):
        with open(folder / f"benchmark-{i}.log", "w") as log:
            subprocess.run([build / "bin" / program, "--peaks", "--seconds", "0.3", *flags], stdout=log, stderr=log, check=True, timeout=120)


def gather(logs):
    """{name: (value, limit)}, the nearest of each; (0, 0): nobody came to a hundredth of it."""
    peaks = dict.fromkeys(GUARDS, (0, 0))
    for log in logs:
        for line in LINE.findall(log.read_text(errors="replace")):
            for what, value, limit in PEAK.findall(line):
                value, limit = int(value), int(limit)
                if what in peaks and value * (peaks[what][1] or 1) >= peaks[what][0] * limit:  # others are off by default
                    peaks[what] = value, limit
    return peaks


def distance(value, limit):
    return "over 100 ×" if not limit else f"{limit / value:.0f} ×" if limit >= 10 * value else f"{limit / value:.1f} ×"


def table(folder, proxies):
    logs = {load: [] for load in LOADS}
    for log in folder.glob("*.log"):
        load = "benchmark" if log.name.startswith("benchmark-") else "proxies" if any(f"-{name}-" in log.name for name in proxies) else "direct"
        logs[load].append(log)
    peaks = {load: gather(found) for load, found in logs.items()}
    lines = ["| guard | direct | through proxies | benchmark | distance | counted |", "|---|--:|--:|--:|--:|---|"]
    for name, counted in GUARDS.items():
        of_loads = [peaks[load][name] for load in LOADS]
        cells = " | ".join(f"{value:,} of {limit:,}" if limit else "–" for value, limit in of_loads)
        nearest = max(of_loads, key=lambda peak: peak[0] / (peak[1] or 1))
        lines.append(f"| `{name}` | {cells} | {distance(*nearest)} | {counted} |")
    return "\n".join(lines)


def write_guards(path, folder, proxies):
    text = path.read_text()
    text, count = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{table(folder, proxies)}\n{END}", text, flags=re.S)
    if count != 1:
        raise SystemExit(f"{path} has no {BEGIN} … {END}")
    path.write_text(text)
