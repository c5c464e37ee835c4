"""Tables: speakers never heard first, groups of seeds and speakers, every column its own value."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pytest

from benchmarking import groups, tables
from benchmarking.columns import COLUMNS, Column
from benchmarking.groups import NEW, at_main_marks
from benchmarking.rows import Row, to_row
from benchmarking.seeds import Interval, difference, mean
from benchmarking.tables import (
    Cell,
    Table,
    full_tables,
    headlines,
    markdown_of,
    pair_tables,
)  # fmt: skip
from common.errors import InputError
from tests.benchmarking.cards import baseline, card

BY_METRIC = {column.metric: column for column in COLUMNS}
NEVER = ("speaker:ann", "speaker:bob")


def rows(*cards: dict[str, Any]) -> list[Row]:
    return [to_row(each) for each in cards]


def cells(table: Table, label: str) -> dict[str, Cell]:
    """Of the line with this label, by heading as Markdown shows it."""
    titles = [each.strip() for each in markdown_of(table).splitlines()[0].split("|")[1:-1]]
    (line,) = [line for line in table.lines if line[0].text == label]
    return dict(zip(titles, line, strict=True))


def labels(table: Table) -> list[str]:
    return [line[0].text for line in table.lines]


def ends(column: Column, found: Interval, sign: bool = False) -> str:
    assert found.low is not None and found.high is not None
    value, low, high = (column.show(each, sign) for each in (found.value, found.low, found.high))
    return "" if low == value == high else f"{low}..{high}"


def a_matrix() -> list[Row]:
    """Two models, two seeds, two pairings and three splits, all of other values."""
    return rows(
        *(
            card(model, seed, split, pairing=pairing, accuracy=level - 0.02 * seed)
            for model, level in (("cgan", 0.9), ("wgan", 0.8))
            for seed in (0, 1)
            for pairing in ("resampled", "fixed-4")
            for split in ("official", *NEVER)
        ),
        *(baseline(split=split) for split in ("official", *NEVER)),
    )


def test_every_column_shows_its_own_metric() -> None:
    row = to_row(card())
    (table,) = full_tables([row])
    found = cells(table, "cgan (reference)")
    for column in COLUMNS:
        cell = found[column.heading]
        assert cell.text == column.show(float(row[column.metric])), column.title
        assert bool(cell.detail) == column.has_interval
        if column.has_interval:
            low, high = (float(row[f"{column.metric}_{end}"]) for end in ("low", "high"))
            assert cell.detail == f"{column.show(low)}..{column.show(high)}"
    assert (found["runs"].text, found["precision"].text) == ("1", "fp32")
    assert found["commit"].text == "trained0"
    real = cells(table, "real test images")
    for column in COLUMNS:
        name = f"{column.metric}_real"
        expected = column.show(float(row[name])) if row.get(name) else ""
        assert real[column.heading].text == expected


def test_no_two_columns_show_the_same() -> None:
    """Else a column could show another's metric unseen."""
    row = to_row(card())
    values = [float(row[column.metric]) * column.scale for column in COLUMNS]
    assert len({*values}) == len(values) == len({column.title for column in COLUMNS})


def test_a_group_is_the_runs_that_differ_in_seed_and_split() -> None:
    never, official, other = headlines(a_matrix())
    assert labels(never) == [
        *("cgan (reference)", "cgan (reference), fixed-4"),
        *("wgan (reference)", "wgan (reference), fixed-4", "class-mean*", "real test images"),
    ]
    assert labels(official) == [
        "cgan (reference)", "wgan (reference)", "class-mean*", "real test images"
    ]  # fmt: skip
    assert labels(other) == [*labels(never)[:4], "real test images"]
    assert cells(never, "cgan (reference), fixed-4")["runs"].text == "2 x 2"
    assert cells(other, "cgan (reference), fixed-4")["runs"].text == "2"
    assert cells(never, "class-mean*")["runs"].text == "2"
    assert cells(official, "class-mean*")["runs"].text == ""


def test_speakers_never_heard_stand_first() -> None:
    rows = a_matrix()
    found = headlines(rows)
    assert [table.title for table in found] == [
        NEW, "official", "official, other pairings and digit labels"
    ]  # fmt: skip
    shown = [column for column in COLUMNS if column.is_headline]
    mine = [r for r in rows if (r["model"], r["pairing"]) == ("cgan", "resampled")]
    for table, splits in zip(found, (NEVER, ("official",), ("official",)), strict=True):
        line = cells(table, "cgan (reference)")
        assert [*line] == ["model", "TFLOP", "runs", *(column.heading for column in shown)]
        for column in shown:
            there = [row for row in mine if row["split"] in splits]
            estimate = mean(there, column.metric, column.bounds)
            assert estimate.low is not None and estimate.high is not None
            cell = line[column.heading]
            value = fmean(float(row[column.metric]) for row in there)
            assert cell.text == column.show(value)
            assert cell.detail == ends(column, estimate)
    assert len(headlines([r for r in rows if r["split"] == "official"])) == 2


def test_a_main_table_has_all_marks_the_last_first() -> None:
    of_a_run = card("lookup", preset="", mark=20.0), card("lookup", preset="", mark=60.0)
    for each in of_a_run:
        each["candidate"]["run"]["model"] = "cgan"
    (table,) = headlines(
        rows(
            *(card(mark=mark, accuracy=0.9 + mark / 1000) for mark in (20.0, 60.0)),
            *(card("wgan", mark=20.0), *of_a_run, baseline()),
        )
    )
    assert [[cell.text for cell in line[:3]] for line in table.lines] == [
        ["cgan (reference)", "60", "1"], ["cgan (reference)", "20", "1"],
        ["wgan (reference)", "20", "1"], ["class-mean*", "", ""],
        ["lookup of cgan", "60", "1"], ["lookup of cgan", "20", "1"], ["real test images", "", ""],
    ]  # fmt: skip
    assert [line[3].text for line in table.lines[:2]] == ["96.0", "92.0"]


def test_other_pairings_and_labels_stand_beside_the_same_model_and_mark() -> None:
    plain, other = headlines(
        rows(
            *(card(mark=mark) for mark in (20.0, 60.0, 110.0)), card("wgan", mark=60.0),
            card(mark=60.0, pairing="fixed-4"), card(mark=20.0, labels="warm-start"), baseline(),
        )
    )  # fmt: skip
    assert [*zip(labels(plain), (line[1].text for line in plain.lines), strict=True)] == [
        ("cgan (reference)", "110"), ("cgan (reference)", "60"), ("wgan (reference)", "60"),
        ("cgan (reference)", "20"), ("class-mean*", ""), ("real test images", ""),
    ]  # fmt: skip
    assert [*zip(labels(other), (line[1].text for line in other.lines), strict=True)] == [
        ("cgan (reference)", "60"), ("cgan (reference), fixed-4", "60"),
        ("cgan (reference)", "20"), ("cgan (reference), labels", "20"), ("real test images", ""),
    ]  # fmt: skip


def test_the_main_mark_is_the_one_that_most_runs_have() -> None:
    given = rows(
        *(card(mark=20.0, split=split) for split in NEVER),
        *(card(seed=seed, mark=60.0) for seed in (0, 1)),
        *(card(mark=mark) for mark in (20.0, 110.0)),
        *(card("wgan", mark=20.0), baseline(), baseline(split=NEVER[0])),
    )
    # Runs with other pairings or labels decide nothing.
    more = rows(*(card(mark=110.0, pairing=f"fixed-{k}") for k in (1, 2, 4)))
    assert {r["mark_tflop"] for r in at_main_marks([*given, *more]) if r["mark_tflop"]} == {
        "20.0", "60.0"
    }  # fmt: skip
    assert [r["mark_tflop"] for r in at_main_marks(more)] == ["110.0"] * 3
    found = [(row["split"], row["model"], row["mark_tflop"]) for row in at_main_marks(given)]
    assert found == [
        *((split, "cgan", "20.0") for split in NEVER), (NEVER[0], "class-mean", ""),
        *(("official", "cgan", "60.0"), ("official", "cgan", "60.0")),
        ("official", "class-mean", ""),
    ]  # fmt: skip


def test_each_kind_of_split_has_a_table_of_its_own() -> None:
    rows = a_matrix()
    first, second = full_tables(rows)
    assert (first.title, second.title) == (f"{NEW}: ann, bob", "official")
    for table, splits, runs in ((first, NEVER, "2 x 2"), (second, ("official",), "2")):
        there = [r for r in rows if r["split"] in splits and r["model"] == "wgan"]
        value = fmean(float(r["accuracy"]) for r in there if r["pairing"] == "fixed-4")
        found = cells(table, "wgan (reference), fixed-4")
        assert found["accuracy %"].text == f"{100 * value:.1f}"
        assert found["runs"].text == runs
        assert found["commit"].text == "trained0, trained1"


def test_the_order_is_by_preset_and_by_accuracy() -> None:
    given = rows(
        *(card("cgan", split=split, accuracy=0.7) for split in NEVER),
        *(card("wgan", split=split, accuracy=0.8) for split in NEVER),
        card("cgan", accuracy=0.95),
        card("wgan", accuracy=0.85),
        card("cvae", accuracy=0.99, preset="original"),
        baseline("class-mean", accuracy=1.0),
        baseline("real-data", accuracy=0.9),
    )
    never, official = headlines(given)
    assert labels(never) == ["wgan (reference)", "cgan (reference)", "real test images"]
    assert labels(official) == [
        *("cgan (reference)", "wgan (reference)", "cvae (original)", "class-mean*", "real-data*"),
        "real test images",
    ]
    # All columns together: by speakers never heard.
    assert [groups.label_of(group[0]) for group in groups.grouped(given)] == [
        *("wgan (reference)", "cgan (reference)", "cvae (original)", "class-mean*", "real-data*"),
    ]


def test_what_a_label_says() -> None:
    given: tuple[tuple[dict[str, Any], str], ...] = (
        ({}, "cgan (reference)"),
        ({"labels": "warm-start", "pairing": "fixed-4"}, "cgan (reference), fixed-4, labels"),
        ({"labels": "cascade", "preset": "original"}, "cgan (original), cascade"),
    )
    for changes, expected in given:
        assert groups.label_of(to_row(card(**changes))) == expected
    lookup = card("lookup", preset="")
    lookup["candidate"]["run"]["model"] = "cgan"
    assert groups.label_of(to_row(lookup)) == "lookup of cgan"
    assert groups.is_baseline(to_row(lookup)) and groups.is_baseline(to_row(baseline()))
    assert not groups.is_baseline(to_row(card()))


def test_runs_with_other_pictures_of_sound_are_not_in_the_main_tables() -> None:
    given = rows(card(), card(sound_as="tones", augment="clips"), card(augment="clips"))
    (main,) = headlines(given)
    assert labels(main) == ["cgan (reference)", "real test images"]
    (full,) = full_tables(given)
    assert sorted(labels(full)[:-1]) == [
        "cgan (reference)", "cgan (reference), augment clips",
        "cgan (reference), sound as tones",
    ]  # fmt: skip
    assert headlines(given[1:]) == []


def test_what_is_usual_where_a_speaker_is_held_out_is_no_other_group() -> None:
    given = rows(card(), card(split=NEVER[0]), card(split=NEVER[0], augment="pictures"))
    assert [row["augment"] for row in given] == ["pictures", "smoothed", "pictures"]
    assert [groups.label_of(group[0]) for group in groups.grouped(given)] == [
        "cgan (reference)", "cgan (reference), augment pictures"
    ]  # fmt: skip
    never, _ = headlines(given)
    assert labels(never) == ["cgan (reference)", "real test images"]
    full, _ = full_tables(given)
    assert "cgan (reference), augment pictures" in labels(full)


def test_a_mean_over_fewer_speakers_says_so() -> None:
    given = rows(*(card(split=split) for split in NEVER), card("wgan", split=NEVER[1]))
    (table,) = headlines(given)
    assert cells(table, "cgan (reference)")["runs"].text == "2 x 1"
    alone = cells(table, "wgan (reference)")
    assert alone["runs"].text == "1 x 1, without ann"
    assert alone["accuracy %"].detail == ""  # one speaker says nothing of others


def test_equal_names_have_their_precision() -> None:
    one, two = card(), card(precision="bf16-mixed", seed=1)
    (table,) = headlines(rows(one, two, card("wgan")))
    assert labels(table)[:3] == [
        "cgan (reference), bf16", "cgan (reference), fp32", "wgan (reference)"
    ] or labels(table)[:3] == [
        "cgan (reference), fp32", "cgan (reference), bf16", "wgan (reference)"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [({"config": {"lr": 0.2}}, "differ in settings"), ({"marks": [40.0, 60.0]}, "first marks")],
)
def test_runs_of_other_settings_are_no_line(change: dict[str, Any], says: str) -> None:
    groups.refuse_other_settings(rows(card(), card(seed=1), card("wgan", config={"lr": 9})))
    with pytest.raises(InputError, match=says):
        groups.refuse_other_settings(rows(card(), card(seed=1, **change)))
    groups.refuse_other_settings(rows(card(), card(pairing="fixed-4", **change)))


def test_runs_are_compared_with_baselines_of_their_own() -> None:
    of = {"needs_label": False, "name": "lookup"}
    lookups = []
    for model in ("cgan", "cvae"):
        made = card(model)
        made["candidate"] |= of
        lookups.append(made)
    (table,) = pair_tables(rows(card("cgan"), *lookups))
    assert "cgan (reference) - lookup (reference) of cvae" not in labels(table)


def test_both_tasks_of_a_bridge_are_compared_with_others() -> None:
    speech: dict[str, Any] = {"protocol": "image2audio-1"}
    given = rows(card("bridge", augment="pictures", **speech), card("cgan", **speech))
    (table,) = pair_tables(given)
    assert labels(table) == ["bridge (reference) - cgan (reference)"] or labels(table) == [
        "cgan (reference) - bridge (reference)"
    ]


def test_other_precision_is_another_line() -> None:
    (table,) = full_tables(rows(card(), card(precision="bf16-mixed")))
    assert sorted(line[2].text for line in table.lines[:-1]) == ["bf16", "fp32"]
    (pairs,) = pair_tables(rows(card(), card(precision="bf16-mixed")))
    assert {*labels(pairs)[0].split(" - ")} == {
        "cgan (reference), bf16", "cgan (reference), fp32"
    }  # fmt: skip


def test_pairs_differ_in_one_thing() -> None:
    new, official = pair_tables(a_matrix())
    assert (new.title, official.title) == (NEW, "official")
    assert labels(new) == labels(official) == [
        "cgan (reference) - cgan (reference), fixed-4",
        "cgan (reference) - wgan (reference)",
        "cgan (reference), fixed-4 - wgan (reference), fixed-4",
        "wgan (reference) - wgan (reference), fixed-4",
    ]  # fmt: skip
    assert pair_tables(rows(card(), card("wgan", preset="original"))) == []
    assert pair_tables(rows(card(), baseline("class-mean"), baseline("real-data"))) == []


@pytest.mark.parametrize(("kind", "splits"), [(0, NEVER), (1, ("official",))])
def test_a_pair_has_differences_with_intervals(kind: int, splits: tuple[str, ...]) -> None:
    rows = a_matrix()
    found = cells(pair_tables(rows)[kind], "cgan (reference) - wgan (reference)")
    first, second = (
        [r for r in rows if (r["model"], r["pairing"]) == (model, "resampled")
         and r["split"] in splits]
        for model in ("cgan", "wgan")
    )  # fmt: skip
    compared = [column for column in COLUMNS if column.is_compared]
    assert [column.metric for column in compared] == ["accuracy", "coverage_within_digit", "copied"]
    for column in compared:
        value, low, high = difference(first, second, column.metric)
        assert low is not None and high is not None
        cell = found[f"{column.title}, difference"]
        assert cell.text == column.show(value, sign=True)
        assert cell.detail == ends(column, Interval(value, low, high), sign=True)
    assert found["accuracy %, difference"].text == "+10.0"
    assert found["accuracy %, order holds"] == Cell("2 of 2", "100% of resamples")
    assert found["coverage within digit, order holds"] == Cell("0 of 2", "0% of resamples")
    assert found["pairs"].text == ("2 x 2" if kind == 0 else "2")


def test_pairs_are_of_common_seeds_and_splits() -> None:
    cards = [card("cgan", seed, accuracy=0.9) for seed in (0, 1, 2)]
    cards += [card("wgan", seed, accuracy=0.8 - 0.3 * (seed == 3)) for seed in (1, 2, 3)]
    (table,) = pair_tables(rows(*cards))
    found = cells(table, "cgan (reference) - wgan (reference)")
    assert (found["pairs"].text, found["accuracy %, difference"].text) == ("2", "+10.0")
    assert pair_tables(rows(card("cgan", 0), card("wgan", 1))) == []


def test_lookups_of_two_models_are_two_lines() -> None:
    cards = [card("lookup", preset="") for _ in range(2)]
    for made, of in zip(cards, ("cgan", "wgan"), strict=True):
        made["candidate"]["run"]["model"] = of
    assert labels(headlines(rows(*cards))[0])[:2] == ["lookup of cgan", "lookup of wgan"]


def test_a_lookup_is_compared_with_models() -> None:
    lookup = card("lookup", preset="", accuracy=0.96)
    lookup["candidate"]["run"]["model"] = "cgan"
    (table,) = pair_tables(rows(card(accuracy=0.9), lookup))
    assert (
        cells(table, "cgan (reference) - lookup of cgan")["accuracy %, difference"].text == "-6.0"
    )


def test_a_metric_that_a_row_lacks_is_blank_and_one_that_all_lack_has_no_column() -> None:
    some, none = card("cgan"), card("wgan")
    del none["metrics"]["cas"]
    for each in (some, none):
        del each["metrics"]["kid_judge_10k"]
    (table,) = full_tables(rows(some, none))
    assert cells(table, "cgan (reference)")["CAS %"].text
    assert not cells(table, "wgan (reference)")["CAS %"].text
    assert "KID ↓" not in table.headings
    one_seed = card("wgan", seed=1)
    (table,) = full_tables(rows(some, none, one_seed))
    assert not cells(table, "wgan (reference)")["CAS %"].text
    named = [title for title, _ in tables.notes(rows(some, none))]
    assert "CAS %" in named and "KID" not in named


def test_marks_have_tables_of_their_own_and_baselines_are_in_all() -> None:
    found = groups.by_mark(rows(card(mark=20.0), card(mark=60.0), card(mark=180.0), baseline()))
    assert [(mark, [(r["model"], r["mark_tflop"]) for r in there]) for mark, there in found] == [
        (mark, [("cgan", f"{mark:.1f}"), ("class-mean", "")]) for mark in (180.0, 60.0, 20.0)
    ]
    assert [(mark, len(there)) for mark, there in groups.by_mark(rows(baseline()))] == [(None, 1)]


def test_numbers_are_shown_in_their_form() -> None:
    share, free = BY_METRIC["accuracy"], BY_METRIC["fd"]
    assert (share.show(0.9876), share.show(-0.0001), share.show(0.012, sign=True)) == (
        "98.8", "0.0", "+1.2",
    )  # fmt: skip
    assert [free.show(x) for x in (0.304, 9.1, 12.34, 466.7)] == ["0.30", "9.10", "12.3", "467"]
    assert [BY_METRIC["training_flops"].show(x) for x in (60.02e12, 0.3e12)] == ["60", "0.3"]
    assert [c.heading[-1] for c in (BY_METRIC["fd"], BY_METRIC["coverage"])] == ["↓", "↑"]
    assert Column("a", "unknown", "{:.1f}", "").heading == "a"


def test_an_interval_that_looks_like_its_value_is_not_shown() -> None:
    column = BY_METRIC["copied"]
    shown = [
        tables.ends_of(Interval(0.1, low, high), column)
        for low, high in ((0.10001, 0.0999), (0.0, 0.1), (None, None))
    ]
    assert shown == ["", "0.0..10.0", ""]


def test_markdown_escapes_what_would_end_a_cell() -> None:
    table = Table("t", ["a", "b"], [[Cell("x|y"), Cell("1", "0..2")]], [("g", 2)])
    assert markdown_of(table).splitlines() == [
        "| g, a | g, b |",
        "|---|---|",
        "| x\\|y | 1 (0..2) |",
    ]
