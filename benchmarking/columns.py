"""The columns of the tables: a metric or a cost is shown by one line here."""

from __future__ import annotations

import math
from typing import NamedTuple

from evaluation.image2audio.scorecard import BETTER as BETTER_OF_SPEECH
from evaluation.scorecard import BETTER

__all__ = ["COLUMNS", "Column"]

SHARE, ANY = (0.0, 1.0), (-math.inf, math.inf)


class Column(NamedTuple):
    """What a table shows of a metric or a cost.

    Attributes:
        form: of a value; of a share with %, the sign stands in the title; empty: three digits.
        about: for the notes.
        is_headline: whether the main table has it.
        has_interval: whether an interval stands beside the value.
        is_compared: whether the models' differences in it have a table.
        bounds: that an interval stays in.
    """

    title: str
    metric: str
    form: str
    about: str
    is_headline: bool = False
    has_interval: bool = False
    is_compared: bool = False
    bounds: tuple[float, float] = ANY
    scale: float = 1.0

    @property
    def heading(self) -> str:
        """The title, with an arrow where more or less is better."""
        better = (BETTER | BETTER_OF_SPEECH).get(self.metric, "")
        arrow = {"higher": " ↑", "lower": " ↓"}.get(better, "")
        return self.title + arrow

    def show(self, value: float, sign: bool = False) -> str:
        if not self.form:  # three digits
            size = abs(value * self.scale)
            return f"{value * self.scale:z.{2 if size < 10 else 1 if size < 100 else 0}f}"
        form = self.form.replace("{:", "{:+z" if sign else "{:z")  # z: no -0.0
        text = form.format(value * self.scale)
        return text.removesuffix("%")


COLUMNS = (
    Column(
        "accuracy %", "accuracy", "{:.1%}", "samples that the two judges take for the wanted "
        "digit, their mean", is_headline=True, has_interval=True, is_compared=True, bounds=SHARE,
    ),
    Column(
        "coverage within digit", "coverage_within_digit", "{:.3f}", "real test items of a digit "
        "with a generated one of that digit nearer than their fifth real neighbor",
        is_headline=True, has_interval=True, is_compared=True, bounds=SHARE,
    ),
    Column(
        "copied %", "copied", "{:.1%}", "samples nearer to a training than to a test item, more so "
        "than 99 % of unseen real ones are, less that 1 %",
        is_headline=True, has_interval=True, is_compared=True, bounds=SHARE,
    ),
    Column(
        "FD", "fd", "", "Fréchet distance to test items in judge A's features",
        is_headline=True, has_interval=True, bounds=(0.0, math.inf),
    ),
    Column("precision within digit", "precision_within_digit", "{:.3f}", "samples inside the "
           "balls of real test items of their digit"),
    Column("FD within digit", "fd_within_digit", "{:.3f}", "Fréchet distance within the digit, in "
           "real variances"),
    Column("FD of pixels", "fd_pca", "", "Fréchet distance in principal components of pixels, "
           "which no labels shaped"),
    Column("thickness", "w1_thickness", "{:.2f}", "Wasserstein distance of stroke thickness within "
           "the digit, in real deviations"),
    Column("slant", "w1_slant", "{:.2f}", "of slant"),
    Column("width", "w1_width", "{:.2f}", "of width"),
    Column("CAS %", "cas", "{:.1%}", "real test items that a classifier of the samples takes "
           "for what they are"),
    Column("judge A %", "accuracy_judge_a", "{:.1%}", "accuracy by judge A alone"),
    Column("judge B %", "accuracy_judge_b", "{:.1%}", "accuracy by judge B alone"),
    Column("judges disagree %", "judges_disagree", "{:.1%}", "taken for different "
           "digits by the two"),
    Column(
        "warm start %", "recognition_accuracy", "{:.1%}", "test conditions whose nearest "
        "test target, by the run's warm start, has their digit (with digit labels: that it names)",
        is_headline=True, has_interval=True, bounds=SHARE,
    ),
    Column("KID", "kid", "{:.3f}", "kernel distance to test items in judge A's features"),
    Column("coverage", "coverage", "{:.3f}", "coverage with all digits together"),
    Column("diversity", "diversity_relative", "{:.2f}", "of samples of a digit, real = 1"),
    Column("for one sound", "diversity_given_sound", "{:.2f}", "diversity of two draws for one "
           "recording, real = 1"),
    Column("sound's share", "sound_share", "{:.2f}", "of the variance within a digit, what the "
           "recording decides"),
    Column("speaker %", "speaker_probe", "{:.0%}", "how often the speaker can be named, within the "
           "digit, from all that the generating network gets"),
    Column("other digit %", "obeys_other_digit", "{:.1%}", "samples that follow when the speaker "
           "says another digit"),
    Column("speaker's effect", "speaker_effect", "{:.2f}", "change of the samples when "
           "another speaker says the digit, relative to other noise"),
    Column("20 dB %", "obeys_noisy_20db", "{:.1%}", "accuracy with noise at 20 dB"),
    Column("10 dB %", "obeys_noisy_10db", "{:.1%}", "accuracy with noise at 10 dB"),
    Column("0 dB %", "obeys_noisy_0db", "{:.1%}", "accuracy with noise as loud as the sound"),
    Column("shifted %", "obeys_shifted", "{:.1%}", "accuracy with the sound moved by 0.1 s"),
    Column(
        "heard %", "accuracy_heard", "{:.1%}", "accuracy by pictures of the sounds that the "
        "converter makes of the samples", is_headline=True, has_interval=True, bounds=SHARE,
    ),
    Column("speakers", "speakers_relative", "{:.2f}", "effective number of speakers within the "
           "digit, by the nearest training recordings, real = 1"),
    Column("length", "w1_seconds", "{:.2f}", "Wasserstein distance of the length of a word within "
           "the digit, in real deviations"),
    Column("pitch", "w1_pitch", "{:.2f}", "of its median pitch"),
    Column("level dB", "level_db", "{:.1f}", "mean level of what is not silent"),
    Column("silent %", "silent", "{:.1%}", "sounds without any signal"),
    Column("clipped %", "clipped", "{:.2%}", "of their values that reach full scale"),
    Column("for one image", "diversity_given_image", "{:.2f}", "diversity of two draws for one "
           "image, real = 1"),
    Column("image's share", "image_share", "{:.2f}", "of the variance within a digit, what the "
           "image decides"),
    Column("parameters", "parameters", "{:,.0f}", "of the whole model"),
    Column("steps", "steps", "{:,.0f}", "updates of the network that samples"),
    Column("training TFLOP", "training_flops", "{:,.3g}", "floating-point operations of training",
           scale=1e-12),
    Column("training s", "training_seconds", "{:,.0f}", "seconds of training"),
    Column("samples/s", "samples_per_second", "{:,.0f}", "samples drawn in a second"),
)  # fmt: skip
