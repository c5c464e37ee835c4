"""A piece of the offline data, for commands that take minutes on all of it."""

from __future__ import annotations

import dataclasses

import torch

from datasets import PairedDataset

N_OF_SPLIT = (12, 4, 3)  # images of a digit in training, validation, test
N_SPEAKERS, N_TAKES = 5, 2


def piece_of(dataset: PairedDataset) -> PairedDataset:
    """190 images, and two takes of five speakers; it has the judges of the whole."""
    there, given = dataset.images, dataset.recordings
    image = torch.cat(
        [
            ((there.split == split) & (there.digit == d)).nonzero()[:n, 0]
            for split, n in enumerate(N_OF_SPLIT)
            for d in range(10)
        ]
    )
    take = torch.tensor([int(name.rpartition("_")[2]) for name in given.names])
    sound = ((given.speaker < N_SPEAKERS) & (take < N_TAKES)).nonzero()[:, 0]
    images = dataclasses.replace(
        there, pixels=there.pixels[image], digit=there.digit[image], split=there.split[image]
    )
    recordings = dataclasses.replace(
        given, clips=given.clips[sound], pictures=given.pictures[sound], digit=given.digit[sound],
        speaker=given.speaker[sound], speakers=given.speakers[:N_SPEAKERS],
        names=tuple(given.names[i] for i in sound), hashes=tuple(given.hashes[i] for i in sound),
        official=given.official[sound],
    )  # fmt: skip
    return dataclasses.replace(dataset, images=images, recordings=recordings, fingerprint="5" * 64)
