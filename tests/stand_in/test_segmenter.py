"""The stand-in segmenter finds what is there, gets it wrong by rate and in each way as told, and always alike."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from PIL import Image

from hopchain_assets.domain.countable import CountLimits
from hopchain_assets.domain.masks import decode
from hopchain_assets.ports.segmenter import Found, Grounding, Segmented, SegmenterUnavailable, ToSegment
from hopchain_assets.stand_in.faults import FaultError
from hopchain_assets.stand_in.segmenter import OF_INSTANCES, TRACE, MaskFaults, Planted, StandInSegmenter
from hopchain_assets.stand_in.truth import Known, Truth


def asked(truth: Truth, known: Known, names: Sequence[str] = ()) -> ToSegment:
    return ToSegment(known.image_id, tuple(names) or tuple(known.categories), truth.path(known.image_id).read_bytes)


def segmented(segmenter: StandInSegmenter, truth: Truth, known: Known, names: Sequence[str] = ()) -> Segmented:
    (told,) = segmenter.segment([asked(truth, known, names)])
    return told


def planted(segmenter: StandInSegmenter, pictures: Sequence[Known], fault: str) -> list[tuple[Known, Planted]]:
    """What a fault came to, over all categories of the pictures."""
    made = [(k, one) for k in pictures for category in k.categories for one in segmenter.planted(k, category)]
    return [(known, one) for known, one in made if one.fault == fault]


def pixels(known: Known, mask: str) -> np.ndarray:
    """The whole mask, [H, W] bool."""
    shape = decode(mask, known.height, known.width)
    assert shape is not None
    canvas = np.zeros((known.height, known.width), bool)
    canvas[shape.y : shape.y + shape.crop.shape[0], shape.x : shape.x + shape.crop.shape[1]] = shape.crop
    return canvas


def alike(known: Known, one: str, *others: str) -> float:
    """Intersection over union of a mask with the union of others."""
    mask, other = pixels(known, one), np.any([pixels(known, counts) for counts in others], axis=0)
    return float((mask & other).sum() / (mask | other).sum())


def area(known: Known, mask: str) -> float:
    return float(pixels(known, mask).sum())


def masks_of(known: Known, made: Planted) -> list[str]:
    return [known.things[k].mask_rle for k in made.things]


def scores(found: Sequence[Found]) -> list[float]:
    return [one.score for one in found]


def test_without_faults_it_finds_nearly_the_truth(truth: Truth, pictures: list[Known]) -> None:
    """One mask for each object, in the order of the names, with an IoU above 0.9 where it has a hundred pixels."""
    segmenter = StandInSegmenter(truth)
    for known in pictures:
        told = segmented(segmenter, truth, known)
        assert told.error == "" and [g.category for g in told.groundings] == list(known.categories)
        for grounding in told.groundings:
            members = known.categories[grounding.category]
            assert grounding.presence > 0.8 and len(grounding.found) == len(members)
            for one, k in zip(grounding.found, members, strict=True):
                assert area(known, one.mask_rle) < 100 or alike(known, one.mask_rle, known.things[k].mask_rle) > 0.9


def test_the_same_seed_gives_the_same_answer(truth: Truth, folder: Path, pictures: list[Known]) -> None:
    """Whoever else is asked for before, and read anew; another seed gives another one."""
    faults = MaskFaults(missed=0.2, merged=0.1, split=0.2, jittered=0.2, doubled=0.1, spurious=0.3)
    first, known = StandInSegmenter(truth, faults, seed=3), pictures[2]
    told = segmented(first, truth, known)
    again = StandInSegmenter([folder], faults, seed=3)
    assert [one for one in again.segment([asked(truth, k) for k in pictures]) if one.image_id == known.image_id] == [
        told
    ]
    assert again.version == first.version
    other = StandInSegmenter(truth, faults, seed=4)
    assert segmented(other, truth, known) != told and other.version != first.version


def test_what_is_missed_is_gone_or_leaves_a_trace(truth: Truth, pictures: list[Known]) -> None:
    """Half of the missed ones come with a low score; where scores tell nothing, none does."""
    missed = planted(StandInSegmenter(truth, MaskFaults(missed=1)), pictures, "missed")
    assert len(missed) == sum(len(known.things) for known in pictures)
    traces = [one.found[0] for _, one in missed if one.found]
    assert 0.35 < len(traces) / len(missed) < 0.65 and all(score < TRACE for score in scores(traces))
    worst = StandInSegmenter(truth, MaskFaults(missed=1), informative=False)
    assert not any(one.found for _, one in planted(worst, pictures, "missed"))


def test_what_is_merged_is_one_mask_of_two(truth: Truth, pictures: list[Known]) -> None:
    """With the nearest of its category; one that is alone stays right."""
    segmenter = StandInSegmenter(truth, MaskFaults(merged=1))
    merged = planted(segmenter, pictures, "merged")
    assert merged
    for known, one in merged:
        assert len(one.things) == 2 and len(one.found) == 1
        assert alike(known, one.found[0].mask_rle, *masks_of(known, one)) > 0.8
    for known in pictures:
        for category, members in known.categories.items():
            told = [k for one in segmenter.planted(known, category) for k in one.things]
            assert sorted(told) == sorted(members)
            assert sum(one.fault == "" for one in segmenter.planted(known, category)) == len(members) % 2


def test_what_is_split_is_two_parts_of_one(truth: Truth, pictures: list[Known]) -> None:
    """They share no pixel, are cut across the longer side, and are the object together."""
    for known, one in planted(StandInSegmenter(truth, MaskFaults(split=1)), pictures, "split"):
        (mask,), parts = masks_of(known, one), [part.mask_rle for part in one.found]
        assert len(parts) == 2 and alike(known, mask, *parts) == 1
        assert sum(area(known, part) for part in parts) == area(known, mask)
        x0, y0, x1, y1 = known.things[one.things[0]].box
        # along the longer side the first ends where the second begins
        along = 0 if x1 - x0 >= y1 - y0 else 1
        places = [np.flatnonzero(pixels(known, part).any(axis=along)) for part in parts]
        assert places[0].max() < places[1].min()


def test_what_is_jittered_has_another_border(truth: Truth, pictures: list[Known]) -> None:
    """It is there, and off by more than a right one is; what is found twice is found well, and once more."""
    jittered = planted(StandInSegmenter(truth, MaskFaults(jittered=1)), pictures, "jittered")
    off = [alike(known, one.found[0].mask_rle, *masks_of(known, one)) for known, one in jittered]
    assert all(len(one.found) == 1 for _, one in jittered)
    assert mean(off) < 0.75 and max(off) < 0.97
    doubled = planted(StandInSegmenter(truth, MaskFaults(doubled=1)), pictures, "doubled")
    large = [(known, one) for known, one in doubled if known.things[one.things[0]].area > 400]
    assert large and all(len(one.found) == 2 for _, one in doubled)
    for known, one in large:
        right, twice = (alike(known, found.mask_rle, *masks_of(known, one)) for found in one.found)
        assert right > 0.9 and 0.7 < twice <= 1


def test_what_is_spurious_is_not_there(truth: Truth, pictures: list[Known]) -> None:
    """Each name gets one mask more, of another category's object or of nothing; names that are not there too."""
    segmenter = StandInSegmenter(truth, MaskFaults(spurious=1))
    copies = 0
    for known in pictures:
        told = segmented(segmenter, truth, known, [*known.categories, "giraffe"])
        for grounding in told.groundings:
            members = known.categories.get(grounding.category, ())
            assert len(grounding.found) == len(members) + 1
            spurious, others = grounding.found[-1], [t for t in known.things if t.category != grounding.category]
            copies += any(alike(known, spurious.mask_rle, thing.mask_rle) > 0.8 for thing in others)
            assert not any(alike(known, spurious.mask_rle, known.things[k].mask_rle) > 0.9 for k in members)
    assert copies > 10
    (nothing,) = segmented(StandInSegmenter(truth), truth, pictures[0], ["giraffe"]).groundings
    assert nothing == Grounding("giraffe", nothing.presence) and nothing.presence < 0.4


def test_a_crowd_is_seen_as_many_small_ones(tmp_path: Path) -> None:
    """More than may be counted: the category stays closed."""
    document = {
        "images": [{"id": 1, "file_name": "1.png", "width": 200, "height": 120}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 1, "bbox": [0, 0, 200, 120], "area": 24000,
             "segmentation": {"size": [120, 200], "counts": [0, 24000]}},
        ],
    }  # fmt: skip
    (tmp_path / "instances.json").write_text(json.dumps(document))
    Image.new("RGB", (200, 120), "white").save(tmp_path / "1.png")
    truth = Truth([tmp_path])
    known = truth.known(truth.names()[0])
    (grounding,) = segmented(StandInSegmenter(truth), truth, known, ["person"]).groundings
    assert grounding.presence > 0.8 and len(grounding.found) > CountLimits().most


def test_scores_are_lower_where_it_is_wrong(truth: Truth, pictures: list[Known]) -> None:
    """Right masks have about 0.85, wrong ones about 0.5, and they overlap; unless scores are to tell nothing."""
    right = planted(StandInSegmenter(truth), pictures, "")
    rates = MaskFaults(jittered=1)
    wrong = planted(StandInSegmenter(truth, rates), pictures, "jittered")
    blind = planted(StandInSegmenter(truth, rates, informative=False), pictures, "jittered")
    told = [[score for _, one in made for score in scores(one.found)] for made in (right, wrong, blind)]
    assert [mean(values) for values in told] == pytest.approx([0.85, 0.5, 0.85], abs=0.05)
    assert min(told[0]) < max(told[1])


def test_rates_are_kept(truth: Truth, pictures: list[Known]) -> None:
    """About so many objects have each fault as were asked for, and each object has one at most."""
    faults = MaskFaults(missed=0.1, split=0.2, jittered=0.3, doubled=0.2)
    made = [
        one
        for segmenter in (StandInSegmenter(truth, faults, seed=seed) for seed in range(10))
        for known in pictures
        for category in known.categories
        for one in segmenter.planted(known, category)
    ]
    objects = 10 * sum(len(known.things) for known in pictures)
    assert sum(len(one.things) for one in made) == objects
    for fault in OF_INSTANCES:
        assert sum(one.fault == fault for one in made) / objects == pytest.approx(getattr(faults, fault), abs=0.05)


def test_pictures_are_known_by_their_file_or_their_looks(truth: Truth, pictures: list[Known]) -> None:
    """One that was encoded again is known; another one, one of another size and a broken file have an error."""
    known = pictures[0]
    with Image.open(truth.path(known.image_id)) as image:
        again, smaller, other = io.BytesIO(), io.BytesIO(), io.BytesIO()
        image.convert("RGB").save(again, "PNG")
        image.convert("RGB").resize((known.width // 2, known.height // 2)).save(smaller, "PNG")
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(noise).save(other, "PNG")
    names, segmenter = tuple(known.categories), StandInSegmenter(truth)
    kept = [
        ToSegment(hashlib.sha256(file.getvalue()).hexdigest(), names, file.getvalue)
        for file in (again, smaller, other, io.BytesIO(b"no picture"))
    ]
    told = list(segmenter.segment([*kept, asked(truth, known)]))
    assert [one.image_id for one in told] == [*(picture.image_id for picture in kept), known.image_id]
    assert told[0].groundings == told[4].groundings and not told[0].error
    assert "pixels" in told[1].error
    assert all("knows no such picture" in one.error and not one.groundings for one in told[2:4])


def test_settings_can_be_told_in_words(folder: Path, tmp_path: Path) -> None:
    """All count in the version; what cannot be used is named, and truth that is missing when it is needed."""
    segmenter = StandInSegmenter.of([folder], "missed=0.1, traced=0,informative=0,seed=3")
    assert (segmenter.faults, segmenter.informative, segmenter.seed) == (MaskFaults(0.1, traced=0), False, 3)
    assert all(word in segmenter.version for word in ("missed=0.1", "traced=0", "informative=False", "seed=3"))
    for words, wrong in (("wrong=1", "wrong"), ("missed", "missed"), ("split=x", "split"), ("seed=0.5", "seed")):
        with pytest.raises(FaultError, match=wrong):
            StandInSegmenter.of([folder], words)
    with pytest.raises(FaultError, match=r"the rate of split is 1\.5: it must be from 0 to 1"):
        MaskFaults(split=1.5)
    with pytest.raises(FaultError, match=r"add up to 1\.2"):
        MaskFaults(missed=0.6, doubled=0.6)
    nothing = ToSegment("p", ("cup",), lambda: b"")
    with pytest.raises(SegmenterUnavailable, match="nothing to answer from"):
        list(StandInSegmenter.of([tmp_path]).segment([nothing]))
