"""How near honest connections come to the limits of their guards: gathered from what our programs told of it."""
import re

BEGIN, END = "<!-- measured: ./dev interop --guards docs/security.md -->", "<!-- /measured -->"
LINE = re.compile(r"limit peak: (.*): (\d+) of (\d+)$", re.M)
# Named as the programs name them: the field of Limits, and what is counted.
GUARDS = {
    "too many streams opened and reset": ("resets", "streams reset early, or reset when they had gone"),
    "too many stream errors": ("provoked_resets", "stream errors"),
    "too many PING frames": ("pings", "PING of the burst"),
    "too many SETTINGS, PRIORITY, GOAWAY and unknown frames": ("control_frames", "frames of the burst"),
    "too many WINDOW_UPDATE frames": ("window_updates_per_data", "frames, of those that streams and DATA make room for"),
    "WINDOW_UPDATE frames of a few bytes each": ("mean_window_update", "the limit, and the bytes of a mean frame"),
    "too many empty frames": ("empty_frames", "in a row"),
    "too many CONTINUATION frames": ("continuation_frames", "of one block"),
    "too many header lists beyond the limit": ("header_list_breaches", "lists"),
    "asks for replies and does not read them": ("queued_replies", "replies that wait to be written"),
    "no HTTP/2 SETTINGS in time": ("handshake_timeout", "ms"),
    "header block not complete in time": ("header_block_timeout", "ms"),
    "SETTINGS not acknowledged in time": ("settings_ack_timeout", "ms"),
    "reads nothing": ("write_stall_timeout", "ms"),
    "too many connections in handshake": ("handshakes", "connections"),
}


def gather(folder):
    """{text: (value, limit)}, the nearest of each; (0, 0): nobody came to a hundredth of it."""
    peaks = dict.fromkeys(GUARDS, (0, 0))
    for log in folder.glob("*.log"):
        for what, value, limit in LINE.findall(log.read_text(errors="replace")):
            value, limit = int(value), int(limit)
            if value * (peaks[what][1] or 1) > peaks[what][0] * limit or not peaks[what][1]:
                peaks[what] = value, limit
    return peaks


def distance(value, limit):
    return "over 100 ×" if not limit else f"{limit / value:.0f} ×" if limit >= 10 * value else f"{limit / value:.1f} ×"


def table(peaks):
    lines = ["| guard | nearest | limit then | distance | counted |", "|---|--:|--:|--:|---|"]
    lines += [f"| `{GUARDS[what][0]}` | {value:,} | {limit:,} | {distance(value, limit)} | {GUARDS[what][1]} |" if limit else
              f"| `{GUARDS[what][0]}` | – | – | {distance(value, limit)} | {GUARDS[what][1]} |" for what, (value, limit) in peaks.items()]
    return "\n".join(lines)


def write_guards(path, folder):
    text = path.read_text()
    text, count = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{table(gather(folder))}\n{END}", text, flags=re.S)
    if count != 1:
        raise SystemExit(f"{path} has no {BEGIN} … {END}")
    path.write_text(text)
