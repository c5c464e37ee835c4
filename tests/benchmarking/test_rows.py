"""Rows: what is published is what was measured; never mixed, never lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from benchmarking import rows
from benchmarking.rows import SAME, add_row, read_rows, refuse_mixed, to_row
from common.errors import InputError
from common.files import write_rows
from tests.benchmarking.cards import METRICS, baseline, card


def test_rows_survive_the_file_and_are_replaced_not_doubled(tmp_path: Path) -> None:
    for each in (card(accuracy=0.5), card("wgan", accuracy=0.6), card(accuracy=0.7)):
        add_row(tmp_path, each)
    found = read_rows(tmp_path)
    assert [row["model"] for row in found] == ["cgan", "wgan"]
    assert found == [to_row(card(accuracy=0.7)), to_row(card("wgan", accuracy=0.6))]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "wgan"}, {"seed": 1}, {"split": "speaker:ann"}, {"mark": 20.0}, {"data": "e"},
        {"pairing": "fixed-4"}, {"labels": "warm-start"}, {"preset": "original"},
        {"sound_as": "tones"}, {"augment": "clips"},
    ],
)  # fmt: skip
def test_another_run_is_another_row(change: dict[str, Any], tmp_path: Path) -> None:
    add_row(tmp_path, card())
    add_row(tmp_path, card(**change))
    assert read_rows(tmp_path) == [to_row(card()), to_row(card(**change))]


def lookup(of: str, mark: float = 60.0) -> dict[str, Any]:
    made = card("lookup", mark=mark, preset="")
    made["candidate"]["run"]["model"] = of
    return made


def test_rows_of_before_sounds_were_other_pictures_are_of_mel64(tmp_path: Path) -> None:
    add_row(tmp_path, card())
    add_row(tmp_path, baseline())
    path = tmp_path / "results.csv"
    heads = path.read_text().splitlines()[0].split(",")
    old = [
        {name: row[name] for name in heads if name not in ("sound_as", "augment")}
        for row in read_rows(tmp_path)
    ]
    write_rows(path, old)
    assert "sound_as" not in path.read_text()
    found = [(row["sound_as"], row["augment"]) for row in read_rows(tmp_path)]
    assert found == [("mel64", "pictures"), ("", "")]

    new = card("wgan", sound_as="tones", augment="clips")
    write_rows(path, [*old, to_row(new)])  # the old ones have empty cells
    found = [(row["sound_as"], row["augment"]) for row in read_rows(tmp_path)]
    assert found == [("mel64", "pictures"), ("", ""), ("tones", "clips")]


def test_baselines_of_two_runs_are_two_rows(tmp_path: Path) -> None:
    for of in ("cgan", "wgan", "cgan"):
        add_row(tmp_path, lookup(of))
    assert [row["of_model"] for row in read_rows(tmp_path)] == ["cgan", "wgan"]
    assert to_row(card())["of_model"] == "" == to_row(baseline())["of_model"]


def test_every_value_is_in_a_column_of_its_own() -> None:
    made = card(seed=3, mark=20.0, split="speaker:ann", labels="warm-start", pairing="fixed-4",
                precision="bf16-mixed")  # fmt: skip
    row = to_row(made)
    assert {name: row[name] for name in (
        *("model", "preset", "split", "pairing", "labels", "training_precision", "seed", "marks"),
        *("needs_label", "code_trained", "code_evaluated", "weights_sha256", "config"),
    )} == {
        "model": "cgan", "preset": "reference", "split": "speaker:ann", "pairing": "fixed-4",
        "labels": "warm-start", "training_precision": "bf16-mixed", "seed": "3", "marks": "20 60",
        "needs_label": "False", "code_trained": "trained3", "code_evaluated": "evaluated",
        "weights_sha256": "w", "config": '{"lr": 0.1}',
    }  # fmt: skip
    for name in METRICS:
        short = name.removesuffix("_judge_10k")
        estimate = made["metrics"][name]
        assert row[short] == str(estimate["value"])
        assert [row[f"{short}_{end}"] for end in ("low", "high", "real")] == [
            str(estimate[end]) for end in ("low", "high", "real")
        ]
    for name, value in made["cost"].items():
        assert row[name] == str(value)
    for name, values in made["by_recording"].items():
        assert [*map(int, row[f"recording_{name}"].split())] == values
    for name in ("by_digit", "by_speaker", "confusion"):
        assert json.loads(row[name]) == made[name]
    shown = {name: made["fingerprint"].get(name) for name in SAME if name != "evaluation_seed"}
    for name, value in shown.items():
        assert row[name] == (value if isinstance(value, str) else json.dumps(value))
    assert to_row(card(data="d"))["evaluation_seed"] == "0"


def test_two_values_in_one_column_or_a_fingerprint_without_one_are_refused() -> None:
    again = card()
    again["metrics"]["pairing"] = again["metrics"]["accuracy"]
    with pytest.raises(ValueError, match="two columns named pairing"):
        to_row(again)
    with pytest.raises(ValueError, match="no column for level of the fingerprint"):
        to_row(card(level="2"))


def test_the_task_is_that_of_the_protocol(tmp_path: Path) -> None:
    for protocol in ("audio2image-9", "image2audio-3"):
        add_row(tmp_path, card(protocol=protocol))
    assert [row["task"] for row in read_rows(tmp_path)] == ["audio2image", "image2audio"]
    with pytest.raises(ValueError, match="of no task: video-1"):
        to_row(card(protocol="video-1"))


def test_a_run_that_is_not_at_a_mark_is_no_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cgan, 1,234 steps: it is not at one of its marks"):
        add_row(tmp_path, card(mark=None))
    assert not read_rows(tmp_path)
    add_row(tmp_path, baseline())
    assert len(read_rows(tmp_path)) == 1


OTHER: dict[str, Any] = {
    "protocol": "audio2image-8", "data_sha256": "other", "split_sha256": "other",
    "n_recordings": 21,
    "judge_a": "other", "judge_b": "other", "converter": {"n_fft": 256}, "n": 9_999, "k": 6,
    "seed": 1, "device": "cuda",
}  # fmt: skip


def test_the_other_values_are_of_every_field() -> None:
    assert {"evaluation_seed" if name == "seed" else name for name in OTHER} == {*SAME}


@pytest.mark.parametrize("field", OTHER)
def test_a_table_refuses_rows_that_were_measured_differently(field: str) -> None:
    other = card("wgan")
    other["fingerprint"][field] = OTHER[field]
    name = "evaluation_seed" if field == "seed" else field
    with pytest.raises(InputError, match=rf"differ in {name} \("):
        refuse_mixed([to_row(card()), to_row(other)])


@pytest.mark.parametrize("field", OTHER)
def test_splits_may_differ_in_what_is_of_a_split_alone(field: str) -> None:
    other = card("wgan", split="speaker:ann")
    other["fingerprint"][field] = OTHER[field]
    both = [to_row(card()), to_row(other)]
    if field in ("split_sha256", "n_recordings"):
        refuse_mixed(both)
        with pytest.raises(InputError, match=rf"'d, audio2image, speaker:ann' differ in {field}"):
            refuse_mixed([*both, to_row(card(split="speaker:ann"))])
    else:
        with pytest.raises(InputError, match="'d, audio2image, all splits' differ"):
            refuse_mixed(both)


def test_the_commit_may_differ() -> None:
    refuse_mixed([to_row(card()), to_row(card("wgan", code="later"))])


def test_rows_of_several_writers_are_all_kept(tmp_path: Path) -> None:
    """Threads stand for processes: each has its own lock."""
    start = threading.Barrier(4)

    def write(writer: int) -> None:
        start.wait()
        for i in range(6):
            add_row(tmp_path, card(seed=10 * writer + i))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seeds = sorted(int(row["seed"]) for row in read_rows(tmp_path))
    assert seeds == sorted(10 * writer + i for writer in range(4) for i in range(6))


def test_a_row_waits_for_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "WAIT", 0.05)
    with rows.exclusive(tmp_path, "rows"), pytest.raises(InputError, match="another rows"):
        add_row(tmp_path, card())
    add_row(tmp_path, card())
    assert len(read_rows(tmp_path)) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"format,model\nsynesthesia-rows-2,cgan\nsynesthesia-rows-2\n", "line 3 has not a cell"),
        (b"format,model\nsynesthesia-rows-2,\xff\n", "is no CSV file"),
        (b"format,model\nsynesthesia-rows-4,cgan\n", "rows of another format"),
        (b"subject,preset\ncgan,source\n", "rows of another format than synesthesia-rows-6"),
    ],
)
def test_damaged_and_older_rows_are_named(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / rows.ROWS).write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_rows(tmp_path)
    with pytest.raises(InputError, match=says):
        add_row(tmp_path, card())
    assert (tmp_path / rows.ROWS).read_bytes() == content
