"""results/report.html: one page that holds everything, made of the rows and of what runs left.

Every number on it comes from a row, a log or a file of a run. Text is escaped by the template.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from matplotlib.figure import Figure

from benchmarking import compare, groups, report_charts, tables
from benchmarking.charts import Curves
from benchmarking.columns import COLUMNS
from benchmarking.commands import commands_of
from benchmarking.figures import SIDE_BY_SIDE, Run, folder_name
from benchmarking.matrices import Matrix, by_speaker, confusions
from benchmarking.report_charts import Point, light_and_dark
from benchmarking.rows import Row
from benchmarking.seeds import mean
from benchmarking.selftest import SelfTest
from benchmarking.tables import Table
from common.errors import InputError
from evaluation import outputs

__all__ = ["render"]

TEMPLATES = Path(__file__).parent / "templates"
X, Y = "coverage_within_digit", "accuracy"  # of the trade-off


class Picture(NamedTuple):
    """An image as data URIs; one for a dark page where there is one."""

    title: str
    light: str
    dark: str = ""


@dataclass(frozen=True)
class Mark:
    """The tables of one dataset at one mark."""

    name: str
    full: list[Table]
    pairs: list[Table]


@dataclass(frozen=True)
class Data:
    """What the page shows of one dataset and task. Pictures are of the main mark of each kind of
    split."""

    name: str
    facts: Mapping[str, Any]
    headlines: list[Table]
    notes: list[tuple[str, str]]
    marks: list[Mark]
    trade_off: Picture | None
    learning: list[Picture]
    confusion: list[tuple[str, list[Matrix]]]
    speakers: list[Matrix]
    grids: list[Picture]
    samples: list[Picture]
    losses: list[Picture]
    neighbors: list[Picture]
    commands: list[tuple[str, str, list[str]]]


WORDS: dict[str, dict[str, str]] = {
    "audio2image": {
        "title": "images from sounds",
        "what": "A model gets the recording of a spoken digit and draws a handwritten one",
        "samples": "images",
        "conditions_of": "from {}",
        "units": "recordings",
        "questions": "do the images show the digit that was said, do they cover the handwriting "
        "of real people, are they copies of training images, and do they look real",
        "variety": "the real handwriting of each digit",
        "conditions": "sounds",
        "targets": "images",
    },
    "image2audio": {
        "title": "speech from images",
        "what": "A model gets the image of a handwritten digit and draws a picture of its word, of "
        "which a converter makes sound",
        "samples": "pictures, one for each test image",
        "conditions_of": "beside {}",
        "units": "images",
        "questions": "is the digit heard, do the samples cover how real people say it, are they "
        "copies of training recordings, and are they like real speech",
        "variety": "how real people say each digit",
        "conditions": "images",
        "targets": "recordings",
    },
}


def render(rows: Sequence[Row], runs: Sequence[Run], figures: Path, tested: SelfTest | None) -> str:
    """The page.

    Args:
        rows: all; those of one dataset were measured in the same way.
        runs: rows at main marks whose run is on this machine, with the folders of their marks.
        figures: where the side-by-side pictures are.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["percent"] = _percent
    found = []
    for key, measured in groups.by_measure(rows).items():
        of_runs = [run for run in runs if (run[0]["data"], run[0]["task"]) == key]
        found.append(_data(*key, measured, of_runs, figures))
    return environment.get_template("report.html").render(datasets=found, tested=tested) + "\n"


def _data(name: str, task: str, rows: list[Row], runs: list[Run], figures: Path) -> Data:
    main, kinds, first = groups.at_main_marks(rows), groups.kinds(rows), rows[0]
    of_kind = {kind: [r for r in main if groups.kind_of(r["split"]) == kind] for kind in kinds}
    shown = {_titled(kind, there): there for kind, there in of_kind.items()}
    facts = {
        **WORDS[task],
        "has_self_test": task == "audio2image",
        "n": int(first["n"]),
        "recordings": [(kind, _recordings(of_kind[kind])) for kind in kinds],
        "k": first["k"],
        "has_new_speakers": groups.NEW in kinds,
        "n_rows": len(rows),
        "commits": sorted({r["code_trained"] or r["code_evaluated"] for r in rows}),
        "needs_label": any(row["needs_label"] == "True" for row in rows),
    }
    return Data(
        name=name,
        facts=facts,
        headlines=tables.headlines(rows),
        notes=tables.notes(rows),
        marks=[
            Mark(
                "" if mark is None else f"{mark:g} TFLOP",
                tables.full_tables(there),
                tables.pair_tables(there),
            )
            for mark, there in groups.by_mark(rows)
        ],
        trade_off=_trade_off(shown),
        learning=_learning(runs, kinds),
        confusion=[(title, confusions(there)) for title, there in shown.items()],
        speakers=[m for title, there in shown.items() if (m := by_speaker(title, there)).columns],
        grids=_grids(runs, figures),
        samples=_files(_first(runs), outputs.GRID),
        losses=_losses(_first(runs)),
        neighbors=_files(_first(_with_baselines(runs, main)), outputs.NEIGHBORS),
        commands=[(_full_label(row), _commit(row), commands_of(row)) for row in rows],
    )


def _titled(kind: str, rows: Sequence[Row]) -> str:
    """With the one mark of the rows, if any has it."""
    mark = next((row["mark_tflop"] for row in rows if row["mark_tflop"]), "")
    return f"{kind}, {float(mark):g} TFLOP" if mark else kind


def _recordings(rows: Sequence[Row]) -> str:
    """How many test recordings, of how many speakers where the rows tell."""
    by_split = {
        row["split"]: (int(row["n_recordings"]), json.loads(row["by_speaker"])) for row in rows
    }
    n = sorted({n for n, _ in by_split.values()})
    speakers = {name for _, names in by_split.values() for name in names}
    count = f"{n[0]:,}" if len(n) == 1 else f"{n[0]:,} to {n[-1]:,}"
    each = " for each speaker" if len(by_split) > 1 else ""
    of = f" of {len(speakers)} speaker{'' if len(speakers) == 1 else 's'}" if speakers else ""
    return f"{count} recordings{each}{of}"


def _trade_off(of_kind: Mapping[str, Sequence[Row]]) -> Picture | None:
    columns = {column.metric: column for column in COLUMNS}
    panels: dict[str, list[Point]] = {}
    for kind, rows in of_kind.items():
        for group in groups.grouped(rows):
            if all(row.get(X) and row.get(Y) for row in group):
                x, y = (mean(group, metric, columns[metric].bounds) for metric in (X, Y))
                label, is_baseline = groups.label_of(group[0]), groups.is_baseline(group[0])
                point = Point(label, group[0]["model"], is_baseline, x, y)
                panels.setdefault(kind, []).append(point)
    if not panels:
        return None
    return _chart(
        "accuracy against coverage within the digit",
        lambda: report_charts.trade_off(panels, "coverage within digit", "accuracy"),
    )


def _learning(runs: Sequence[Run], kinds: Sequence[str]) -> list[Picture]:
    found = []
    for kind in kinds:
        curves = _curves([run for run in runs if groups.kind_of(run[0]["split"]) == kind])
        if curves:
            found.append(_chart(kind, lambda: report_charts.learning_curves(curves)))  # noqa: B023
    return found


def _first(runs: Sequence[Run]) -> list[Run]:
    """One run of each label: pictures of all seeds and speakers would fill the page."""
    first: dict[str, Run] = {}
    for row, folder in sorted(runs, key=lambda run: (run[0]["split"], int(run[0]["seed"]))):
        first.setdefault(groups.label_of(row), (row, folder))
    return [*first.values()]


def _losses(runs: Sequence[Run]) -> list[Picture]:
    curves = _curves(runs)
    if not curves:
        return []
    titles = dict.fromkeys(f"{row['split']}, seed {row['seed']}" for row, _ in runs)
    return [_chart("; ".join(titles), lambda: report_charts.loss_curves(curves))]


def _curves(runs: Sequence[Run]) -> list[Curves]:
    found = []
    for row, folder in runs:
        with contextlib.suppress(InputError):  # a run without its log
            scalars = compare.read(folder.parent).scalars
            found.append(Curves(groups.label_of(row), row["model"], scalars))
    return found


def _grids(runs: Sequence[Run], figures: Path) -> list[Picture]:
    names = ("split", "pairing", "labels", "sound_as", "augment")
    folders: dict[str, str] = {}
    for row, _ in runs:
        title = "{}, {}, labels {}, sound as {}, augment {}".format(*(row[name] for name in names))
        folders.setdefault(folder_name(row), title)
    paths = ((title, figures / name / SIDE_BY_SIDE) for name, title in folders.items())
    return [Picture(title, _uri(path.read_bytes())) for title, path in paths if path.exists()]


def _files(runs: Sequence[Run], name: str) -> list[Picture]:
    paths = ((_full_label(row), folder / name) for row, folder in runs)
    return [Picture(title, _uri(path.read_bytes())) for title, path in paths if path.exists()]


def _with_baselines(runs: Sequence[Run], rows: Sequence[Row]) -> list[Run]:
    """The runs, and the baselines that use one of them, whose folders lie in the run's."""
    found = [*runs]
    names = ("split", "pairing", "labels", "sound_as", "augment", "seed", "mark_tflop")
    for row in rows:
        for run, folder in runs:
            same = all(row[name] == run[name] for name in names)
            if row["of_model"] == run["model"] and same and (folder / row["model"]).exists():
                found.append((row, folder / row["model"]))
                break
    return found


def _full_label(row: Row) -> str:
    """What a row is of, in words."""
    label = f"{groups.label_of(row)}, {row['split']}"
    if row["seed"]:
        label += f", seed {row['seed']}, {float(row['mark_tflop']):g} TFLOP"
    return label


def _commit(row: Row) -> str:
    return row["code_trained"] or row["code_evaluated"]


def _chart(title: str, draw: Callable[[], Figure]) -> Picture:
    return Picture(title, *map(_uri, light_and_dark(draw)))


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _percent(value: float | None) -> str:
    """A share as a number of per cent; nothing where it rounds to nothing."""
    if value is None:
        return ""
    text = f"{value:.1%}".removesuffix("%")
    return {"100.0": "100", "0.0": ""}.get(text, text)
