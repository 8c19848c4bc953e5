"""Plots as SVG: panels of plain numbers, drawn by matplotlib with text kept as text, the same bytes every time.

In the page a plot takes the page's ink and font, so that it reads in light and dark; as a file it has white paper.
"""

import io
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal

from autorater_evals.report.wording import plain_line, printable

COLOURS = ("#3a7bd5", "#d9682a", "#12967f", "#9a5fc8", "#97851a", "#c2476f")
"""Of the series in turn; each has a contrast of at least 3 on white and on the page's dark paper."""
MARKERS = ("o", "s", "^", "D", "v", "P")
INK, GRID = "#1a1d21", "#8b929c"
_LONGEST = 34
_RULES: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "autorater",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


@dataclass(frozen=True, slots=True)
class Series:
    """Points with their 95 % intervals (`low`, `high`; None where there is none). `names` label single points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    names: Sequence[str] = ()
    colour: int = 0
    n: int = 0
    """Items that it stands on."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes. Rows: `x` is the value and `y` the place of a row of `rows`, from 0 at the top."""

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    kind: Literal["line", "rows", "points", "steps"] = "line"
    rows: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    """Of the axis of values."""
    level: float | None = None
    """A line that means "by chance", "no bias" or the like."""
    diagonal: float | None = None
    """Where both axes mean the same and a diagonal is drawn: the left end of the lower one."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Correlations of `names` with each other, -1 to 1; None where there is none."""

    title: str
    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, or the reason in `caption` why it was left out (then there are no panels)."""

    name: str
    title: str
    caption: str
    panels: tuple[Panel | Matrix, ...] = ()

    @property
    def wide(self) -> bool:
        """Whether it takes the width of two."""
        return len(self.panels) > 1


def short(text: str) -> str:
    """A name that fits into a plot: a long one is cut in the middle, since names of runs differ at their ends."""
    text = plain_line(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[1 - _LONGEST // 2 :]}"


def shorts(names: Sequence[str]) -> dict[str, str]:
    """Name → what stands in the plot; different names stay different."""
    found = {name: short(name) for name in names}
    for told, often in Counter(found.values()).items():
        alike = [name for name in found if found[name] == told] if often > 1 else []
        lines = [plain_line(name) for name in alike]
        parts = (at for at, letters in enumerate(zip(*lines, strict=False)) if len(set(letters)) > 1)
        differ = max(0, next(parts, 4) - 4)  # what is cut off lies before the place where they part
        for place, (name, line) in enumerate(zip(alike, lines, strict=True), 1):
            inner = line[differ : differ + _LONGEST - 12]
            found[name] = f"{line[:5]}…{inner}… [{place}]"
    return found


def svg_file(plot: Plot) -> bytes:
    """The plot as an SVG file on white paper."""
    return _saved(plot, "svg", facecolor="white", metadata={"Date": None, "Creator": None})


def pdf_file(plot: Plot) -> bytes:
    """The plot as a PDF file, for LaTeX."""
    return _saved(plot, "pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def inline_svg(plot: Plot) -> str:
    """The plot as an SVG element for a page whose policy forbids style attributes: each becomes plain attributes.

    The ink becomes the page's (`currentColor`), fonts the page's, and ids begin with the plot's name, so that no two
    plots clash.
    """
    text = _saved(plot, "svg", transparent=True, metadata={"Date": None, "Creator": None}).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", lambda tag: _adapted(tag[0], plot.name), text)
    label = f"{plot.title}. {plot.caption}".replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    head, body = text.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    head += f' role="img" aria-label="{printable(label)}" stroke-linejoin="round" stroke-linecap="butt"'
    return f"{head}>{body}".strip()


def _adapted(tag: str, name: str) -> str:
    """A tag with attributes for its style, ids of its plot and the page's ink; text between tags is left alone."""
    tag = re.sub(r' style="([^"]*)"', lambda found: _attributes(found[1]), tag)
    tag = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", tag)
    return tag.replace(INK, "currentColor")


def _attributes(style: str) -> str:
    """The declarations of a style attribute as presentation attributes; the font is the page's, its size stays."""
    found: list[str] = []
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            found += [f'font-size="{size[1]}"'] if size else []
            found += ['font-weight="600"'] if "bold" in value or re.search(r"\b[67]00\b", value) else []
        elif name and name != "font-family":
            found.append(f'{name}="{value.removesuffix("px")}"')
    return "".join(f" {one}" for one in found)


def _saved(plot: Plot, kind: str, **options: Any) -> bytes:
    matplotlib: Any = import_module("matplotlib")
    buffer = io.BytesIO()
    with warnings.catch_warnings(), matplotlib.rc_context(_RULES | {"svg.hashsalt": f"autorater {plot.name}"}):
        # A font that lacks a letter of a name only measures it wrongly: the text itself is kept.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        _figure(plot).savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def _figure(plot: Plot) -> Any:
    make: Any = import_module("matplotlib.figure").Figure
    count = len(plot.panels)
    columns = min(3 if count != 4 else 2, count)
    lines = -(-count // columns)
    rows = max((len(panel.rows) if isinstance(panel, Panel) else len(panel.names) for panel in plot.panels), default=0)
    height = max(3.0, 1.3 + 0.32 * min(rows, 24) + 0.18 * max(0, rows - 24))  # the labels of many rows need room
    titles = shorts([panel.title for panel in plot.panels])
    names = shorts([one.name for panel in plot.panels if isinstance(panel, Panel) for one in panel.series])
    figure = make(figsize=(max(5.4, 3.9 * columns), height * lines), layout="constrained")
    for place, (axes, panel) in enumerate(
        zip(figure.subplots(lines, columns, squeeze=False).flat, plot.panels, strict=False)
    ):
        axes.set_title(titles[panel.title], loc="left")
        if isinstance(panel, Matrix):
            _matrix(axes, panel)
            continue
        _panel(axes, panel, names)
        before = plot.panels[place - 1] if place % columns else None
        if isinstance(before, Panel) and panel.rows and panel.rows == before.rows:
            axes.set_yticklabels([])  # they stand beside the panel before
    for axes in figure.axes[count:]:
        axes.set_axis_off()
    _legend(figure, plot)
    return figure


def _legend(figure: Any, plot: Plot) -> None:
    """One for all panels, below them, unless the series name themselves."""
    panels = [panel for panel in plot.panels if isinstance(panel, Panel) and panel.kind != "points"]
    if not any(len(panel.series) > 1 and panel.rows != tuple(one.name for one in panel.series) for panel in panels):
        return
    found: dict[str, Any] = {}
    for axes in figure.axes:
        handles, names = axes.get_legend_handles_labels()
        found |= {name: handle for name, handle in zip(names, handles, strict=True) if name not in found}
    columns = max(1, min(len(found), int(figure.get_size_inches()[0] / (0.5 + 0.062 * max(map(len, found))))))
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns)


def _panel(axes: Any, panel: Panel, names: Mapping[str, str]) -> None:
    upright = panel.kind != "rows"
    for place, series in enumerate(panel.series):
        own = upright or len(panel.series) == 1 or panel.rows == tuple(one.name for one in panel.series)
        shift = 0.0 if own else 0.5 * (place / (len(panel.series) - 1) - 0.5)
        _draw(axes, replace(series, y=[one + shift for one in series.y]), panel, names)
    if panel.diagonal is not None:
        axes.axline((0, 0), slope=1, color=GRID, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_xlim(panel.diagonal, 1.02)
    if panel.level is not None:
        (axes.axhline if upright else axes.axvline)(panel.level, color=GRID, linewidth=1, linestyle=(0, (4, 3)))
    if panel.limits:
        (axes.set_ylim if upright else axes.set_xlim)(*panel.limits)
    if panel.rows:
        axes.set_yticks(range(len(panel.rows)), [shorts(panel.rows)[name] for name in panel.rows])
        axes.set_ylim(len(panel.rows) - 0.4, -0.6)
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)


def _draw(axes: Any, series: Series, panel: Panel, names: Mapping[str, str]) -> None:
    colour = COLOURS[series.colour % len(COLOURS)]
    marker = MARKERS[series.colour % len(MARKERS)]
    values = series.x if panel.kind == "rows" else series.y
    for place, (low, high) in enumerate(zip(series.low, series.high, strict=True)):
        if low is not None and high is not None:
            at = series.y[place] if panel.kind == "rows" else series.x[place]
            line = axes.hlines if panel.kind == "rows" else axes.vlines
            line(at, min(low, values[place]), max(high, values[place]), color=colour, linewidth=1.4, alpha=0.75)
    style = "-" if panel.kind in ("line", "steps") else "none"
    marker = "" if panel.kind == "steps" else marker
    look: dict[str, Any] = {"marker": marker, "markersize": 5, "linewidth": 1.4, "linestyle": style, "color": colour}
    axes.plot(series.x, series.y, label=names[series.name], **look)
    for place, single in enumerate(series.names):
        name = names.get(single) or short(single)
        axes.annotate(name, (series.x[place], series.y[place]), (5, 4), textcoords="offset points", fontsize=8)


def _matrix(axes: Any, panel: Matrix) -> None:
    numpy: Any = import_module("numpy")
    values = numpy.array([[float("nan") if one is None else one for one in row] for row in panel.values])
    count = len(panel.names)
    axes.grid(visible=False)
    edges = numpy.arange(count + 1) - 0.5
    axes.pcolormesh(edges, edges, values, cmap="RdBu", vmin=-1.6, vmax=1.6, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for row in range(count):
        for column in range(count):
            value = panel.values[row][column]
            told = "–" if value is None else f"{value:.2f}"
            axes.text(column, row, told, ha="center", va="center", fontsize=8, color="#000000")
    spaced = [name.replace("_", " ") for name in panel.names]
    names = [shorts(spaced)[name] for name in spaced]
    axes.set_xticks(range(count), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), names)
