"""Puts a run into a page: rewrites what stands between two marks, and the plot beside the page."""
import plot
import table

BEGIN, END = "<!-- a run of the benchmark: begin -->", "<!-- a run of the benchmark: end -->"


class NoMarks(Exception):
    """The page has no place for a run."""


def section(results, facts, command, plan, image):
    rows = ",".join(map(str, plan.rows))
    out = [f"Rows {rows}; {plan.rounds} rounds in random order, {plan.seconds:g} s a measurement, what needs a compiler warmed "
           f"in {min(plan.rounds, plan.slow_rounds)}, row 11 in {min(plan.rounds, plan.count_rounds)}. Repeated by", "", f"    {command}", "",
           "| | |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in facts), ""]
    if image:
        out += [f"![time a call, by row and subject]({image})", ""]
    return "\n".join([*out, table.markdown(results)])


def write(page, results, facts, command, plan):
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise NoMarks(f"{page} has no section between {BEGIN} and {END}")
    drawing, image = plot.svg(table.Results(results)), page.with_suffix(".svg")
    if drawing:
        image.write_text(drawing)
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    written = section(results, facts, command, plan, image.name if drawing else "")
    page.write_text(f"{before}{BEGIN}\n\n{written.strip()}\n\n{END}{after}")
