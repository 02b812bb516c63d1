"""How near honest connections come to the limits of their guards: gathered from what our programs told of it."""
import re

BEGIN, END = "<!-- measured: ./dev interop --guards docs/security.md -->", "<!-- /measured -->"
LINE = re.compile(r"limit peak: (.*): (\d+) of (\d+)$", re.M)
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


def gather(folder):
    """{name: (value, limit)}, the nearest of each; (0, 0): nobody came to a hundredth of it."""
    peaks = dict.fromkeys(GUARDS, (0, 0))
    for log in folder.glob("*.log"):
        for what, value, limit in LINE.findall(log.read_text(errors="replace")):
            value, limit = int(value), int(limit)
            if what not in peaks:
                continue  # off by default
            if value * (peaks[what][1] or 1) > peaks[what][0] * limit or not peaks[what][1]:
                peaks[what] = value, limit
    return peaks


def distance(value, limit):
    return "over 100 ×" if not limit else f"{limit / value:.0f} ×" if limit >= 10 * value else f"{limit / value:.1f} ×"


def table(peaks):
    lines = ["| guard | nearest | limit then | distance | counted |", "|---|--:|--:|--:|---|"]
    for name, (value, limit) in peaks.items():
        nearest = (f"{value:,}", f"{limit:,}") if limit else ("–", "–")
        lines.append(f"| `{name}` | {' | '.join(nearest)} | {distance(value, limit)} | {GUARDS[name]} |")
    return "\n".join(lines)


def write_guards(path, folder):
    text = path.read_text()
    text, count = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{table(gather(folder))}\n{END}", text, flags=re.S)
    if count != 1:
        raise SystemExit(f"{path} has no {BEGIN} … {END}")
    path.write_text(text)
