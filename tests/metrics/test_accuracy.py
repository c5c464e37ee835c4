from __future__ import annotations

import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion
from torch import Tensor

from metrics.accuracy import accuracy, confusion_matrix


def labels() -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    digit = torch.randint(10, (500,), generator=g)
    wrong = torch.rand(500, generator=g) < 0.3
    return torch.where(wrong, torch.randint(10, (500,), generator=g), digit), digit


def test_accuracy_by_hand() -> None:
    assert accuracy(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 3, 5])) == 0.75


def test_rows_are_the_digit_asked_for() -> None:
    matrix = confusion_matrix(torch.tensor([7, 7, 1]), torch.tensor([1, 1, 1]))
    assert matrix[1, 7] == 2 and matrix[1, 1] == 1 and matrix.sum() == 3


def test_confusion_agrees_with_scikit_learn_and_accuracy() -> None:
    predicted, digit = labels()
    matrix = confusion_matrix(predicted, digit)
    assert (matrix.numpy() == sklearn_confusion(digit, predicted, labels=range(10))).all()
    assert matrix.trace() / matrix.sum() == pytest.approx(accuracy(predicted, digit))


def test_bad_input_is_refused() -> None:
    one, two = torch.tensor([1]), torch.tensor([1, 2])
    for bad in (
        lambda: accuracy(one, two),
        lambda: accuracy(one[:0], one[:0]),
        lambda: confusion_matrix(torch.tensor([10]), one),
        lambda: confusion_matrix(one, -one),
    ):
        with pytest.raises(ValueError, match="wanted"):
            bad()
