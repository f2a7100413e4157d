"""Draw makespan against N, as an SVG for the docs: nothing in it comes from elsewhere."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.report import ROOT

PATH = ROOT / "docs" / "burst.svg"
U = 0.2
# A picture needs no script; comments hold today's date, which would make every drawing another one.
_ALIVE = re.compile(r"<script.*?</script>|<!--.*?-->|/\*.*?\*/", re.DOTALL)
_SHOWN = {"one_call": "one call a tenant", "group_commit": "group commit"}


def draw(rows: Sequence[Mapping[str, Any]], path: Path = PATH) -> None:
    """Draw both designs and the limit, log-log, for mode ``alias`` and u = 0.2."""
    alias = [row for row in rows if row["mode"] == "alias" and row["u"] == U]
    lines = {
        title: [(row["tenants"], row["makespan_s"]) for row in alias if row["design"] == design]
        for design, title in _SHOWN.items()
    }
    lines["the limit T*"] = [(row["tenants"], row["t_star_s"]) for row in alias if row["design"] == "group_commit"]
    path.write_text(svg(lines))


def svg(lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a chart of these lines: points of (tenants, seconds)."""
    # Here, and not above: an importer that pygal puts into the interpreter is too old for whoever asks all of them.
    import pygal  # type: ignore[import-untyped]  # noqa: PLC0415
    from pygal.style import Style  # type: ignore[import-untyped]  # noqa: PLC0415

    chart = pygal.XY(
        js=[],
        no_prefix=True,
        disable_xml_declaration=True,
        pretty_print=True,
        include_x_axis=False,
        width=800,
        height=480,
        style=Style(
            background="white",
            plot_background="white",
            font_family="sans-serif",
            title_font_size=16,
            label_font_size=13,
            legend_font_size=13,
            colors=("#c0392b", "#1f6fb2", "#7f8c8d"),
            transition="0s",
        ),
        title=f"From PutItem to the last ACTIVE tenant (alias, u = {U} a second)",
        x_title="tenants at once",
        y_title="seconds",
        legend_at_bottom=True,
        show_dots=True,
        dots_size=3,
    )
    chart.x_labels = [{"label": f"{10**power:,}", "value": power} for power in range(6)]
    tallest = math.ceil(math.log10(max(seconds for line in lines.values() for _, seconds in line)))
    chart.y_labels = [{"label": f"{10**power:,}", "value": power} for power in range(1, tallest + 1)]
    chart.range = (1, tallest)
    for title, line in lines.items():
        points = [(math.log10(tenants), math.log10(seconds)) for tenants, seconds in line]
        chart.add(title, points, stroke_style={"width": 2, **({"dasharray": "6, 4"} if "T*" in title else {})})
    return _ALIVE.sub("", chart.render(is_unicode=True)) + "\n"
