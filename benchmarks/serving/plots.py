"""The pictures of the page: how many times MLServer's requests per second each server answers, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from benchmarks.serving.owed import number
from benchmarks.serving.peers.modelyard import FORMS, NATIVE
from benchmarks.serving.peers.registry import BASE, PEERS
from benchmarks.serving.summary import Summary
from benchmarks.serving.workloads import QUICK, Workload
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

_COMPILED, _NATIVE, _OTHER, _BASE, _FLOOR = "#0b6e4f", "#63a88d", "#aab4bf", "#3d4852", "#e0b04c"
_OURS = {**dict.fromkeys([peer.name for peer in FORMS], _COMPILED), NATIVE.name: _NATIVE}
_INK = "#1f2933"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "svg.fonttype": "none",
    "svg.hashsalt": "modelyard",
    "axes.edgecolor": "#cbd2d9",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture beside the page."""

    file: str
    caption: str


def draw(summary: Summary, folder: Path) -> list[Picture]:
    """Draw all pictures for which there are results."""
    if not summary.models or BASE not in summary.servers:
        return []
    with mpl.rc_context(_STYLE):
        pictures = [_throughput(summary, model, folder) for model in summary.models]
        return [*pictures, _footprint(summary, folder)]


def _throughput(summary: Summary, model: str, folder: Path) -> Picture:
    workloads = _main_workloads(summary, model)
    lines = -(-len(workloads) // 2)
    figure = Figure(figsize=(9.6, 0.6 + lines * (0.6 + 0.2 * len(summary.servers))), layout="constrained")
    axes = figure.subplots(lines, 2, squeeze=False).ravel()
    for axis in axes[len(workloads) :]:
        axis.remove()
    for axis, workload in zip(axes, workloads, strict=False):
        _bars_of_ratios(axis, summary, model, workload)
    title = f"{model.capitalize()}: requests per second, as a multiple of {PEERS[BASE].title}'s (log scale)"
    figure.suptitle(title, fontsize=10, fontweight="bold")
    return _saved(figure, folder, f"serving-{model}.svg", f"{model}: requests per second against MLServer's")


def _bars_of_ratios(axis: Any, summary: Summary, model: str, workload: str) -> None:
    ratios = {}
    for server in summary.measured(model, workload):
        base = _base_workload(summary, model, workload)
        ratio = summary.ratio("per_second", server, BASE, model=model, workload=workload, base_workload=base)
        if ratio is not None and ratio.middle > 0:
            ratios[server] = ratio
    order = sorted(ratios, key=lambda server: ratios[server].middle)
    middles = [ratios[server].middle for server in order]
    low, high = min([0.5, *middles]), max([2.0, *middles])
    axis.barh(
        range(len(order)), [middle - low / 2 for middle in middles], left=low / 2, height=0.68, color=_colors(order)
    )
    for place, server in enumerate(order):
        ratio = ratios[server]
        axis.plot([ratio.least, ratio.most], [place, place], color=_INK, linewidth=1, solid_capstyle="butt")
        axis.text(max(ratio.most, ratio.middle) * 1.12, place, number(ratio.middle), va="center", fontsize=7)
    axis.set_xscale("log")
    axis.set_xlim(low / 2, high * 3)
    axis.axvline(1, color=_BASE, linewidth=0.8, linestyle=(0, (3, 2)))
    axis.set_yticks(range(len(order)), [PEERS[server].title for server in order], fontsize=7)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axis.minorticks_off()
    axis.set_ylim(len(order) - len(summary.servers) - 0.5, len(order) - 0.5)
    title = Workload.parse(workload).title
    against = "" if _base_workload(summary, model, workload) is None else "\n(against its JSON)"
    axis.set_title(title + against, fontsize=8.5, loc="left")
    _plain(axis)


def _footprint(summary: Summary, folder: Path) -> Picture:
    figure = Figure(figsize=(10.5, 0.9 + 0.24 * len(summary.servers)), layout="constrained")
    memory_axis, start_axis = figure.subplots(1, 2)
    model = summary.models[0]
    memory = {name: summary.value("memory_mb", name, model=model) for name in summary.servers}
    starts = {name: summary.start_s(name, model) for name in summary.servers}
    _bars(memory_axis, memory, title=f"Memory of all its processes, MiB ({model})")
    _bars(start_axis, starts, title=f"Start to the first right answer, seconds ({model})")
    return _saved(figure, folder, "serving-footprint.svg", "memory and start of each server")


def _bars(axis: Any, values: dict[str, float | None], *, title: str) -> None:
    known = {name: value for name, value in values.items() if value is not None}
    order = sorted(known, key=lambda name: -known[name])
    axis.barh(range(len(order)), [known[name] for name in order], height=0.68, color=_colors(order))
    for place, name in enumerate(order):
        axis.text(known[name], place, f" {number(known[name])}", va="center", fontsize=7)
    axis.set_yticks(range(len(order)), [PEERS[name].title for name in order], fontsize=7)
    axis.set_xlim(0, max(known.values()) * 1.12)
    axis.set_title(title, fontsize=9, loc="left")
    _plain(axis)


def _plain(axis: Any) -> None:
    axis.tick_params(length=0)
    axis.grid(axis="x", color="#e4e7eb", linewidth=0.6)
    axis.set_axisbelow(True)  # matplotlib's signature.
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)  # As above.


def _colors(servers: Sequence[str]) -> list[str]:
    return [_color(server) for server in servers]


def _color(server: str) -> str:
    if server in _OURS:
        return _OURS[server]
    if server.endswith("-echo"):
        return _FLOOR
    return _BASE if server == BASE else _OTHER


def _main_workloads(summary: Summary, model: str) -> list[str]:
    """Those of the main comparison that were measured, or the first few of others."""
    measured = [workload for workload in summary.workloads if summary.measured(model, workload)]
    main = [workload.name for workload in QUICK if workload.name in measured]
    return main or measured[:_SHOWN]


def _base_workload(summary: Summary, model: str, workload: str) -> str | None:
    """What the base is asked where it cannot do this: binary tensors are compared with its JSON."""
    if BASE in summary.measured(model, workload):
        return None
    return workload.replace("binary", "json")


def _saved(figure: Figure, folder: Path, name: str, caption: str) -> Picture:
    figure.savefig(folder / name, format="svg", metadata={"Date": None})
    return Picture(name, caption)
