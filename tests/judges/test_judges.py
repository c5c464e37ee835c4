"""The committed judges: small, accurate on held-out digits, and two."""

from __future__ import annotations

import pytest
import torch

from datasets import PairedDataset, part
from judges import WEIGHTS, load_judge
from judges.networks import ARCHITECTURES

# Measured on validation images: 99.60 and 99.59 % on MNIST, 99 and 98.7 % on 300 offline digits.
MIN_ACCURACY = {"mnist-fsdd": 0.994, "offline": 0.97}


@pytest.mark.parametrize("which", ARCHITECTURES)
def test_reads_held_out_digits(
    source: PairedDataset, offline_source: PairedDataset, which: str
) -> None:
    for each in (source, offline_source):
        held_out = part(each, "official", "validation")
        _, logits = load_judge(each.name, which)(
            held_out.images[:: max(len(held_out.images) // 3000, 1)]
        )
        digit = held_out.image_digit[:: max(len(held_out.images) // 3000, 1)]
        assert (logits.argmax(1) == digit).float().mean() >= MIN_ACCURACY[each.name]


@pytest.mark.parametrize("which", ARCHITECTURES)
def test_reads_the_mean_of_each_digit(source: PairedDataset, which: str) -> None:
    """Soft strokes too, or the samples of a VAE are judged by their softness."""
    train = part(source, "official", "train")
    means = torch.stack([train.images[train.image_digit == d].float().mean(0) for d in range(10)])
    _, logits = load_judge(source.name, which)(means.round().to(torch.uint8))
    assert (logits.argmax(1) == torch.arange(10)).float().mean() >= 0.9


def test_are_small_and_differ() -> None:
    files = sorted(WEIGHTS.glob("*.safetensors"))
    names = ["mnist-fsdd-a", "mnist-fsdd-b", "offline-a", "offline-b"]
    assert [file.stem for file in files] == names
    assert all(file.stat().st_size < 1_000_000 for file in files)
    assert len({load_judge("mnist-fsdd", which).sha256 for which in ARCHITECTURES}) == 2
    assert type(load_judge("mnist-fsdd", "a").network) is not type(
        load_judge("mnist-fsdd", "b").network
    )


def test_features_lead_to_the_logits(offline_source: PairedDataset) -> None:
    x = part(offline_source, "official", "validation").images[:50]
    for which in ARCHITECTURES:
        judge = load_judge("offline", which)
        features, logits = judge(x)
        again, same = judge(x, batch_size=7)
        assert features.shape == (50, 64)
        assert torch.allclose(logits, judge.network(x.unsqueeze(1) / 255), atol=1e-4)
        assert torch.allclose(features, again, atol=1e-4)
        assert torch.allclose(logits, same, atol=1e-4)
