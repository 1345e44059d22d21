"""SAM3 through transformers: the same as the library's own call, in batches, and with a sentence for every trouble."""

# pyright: reportMissingImports=false

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch is not installed: make test-models")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: make test-models")

from hopchain_assets.domain.strips import Strips  # noqa: E402 - what follows needs torch
from hopchain_assets.models.sam3 import loading, network  # noqa: E402
from hopchain_assets.models.sam3.masks import run_lengths_of  # noqa: E402
from hopchain_assets.models.sam3.pixels import normalised, pixels_of  # noqa: E402
from hopchain_assets.models.sam3.segmenter import Sam3, Sizes, _patiently  # noqa: E402
from hopchain_assets.models.sam3.transformers_network import TOKENS, TransformersNetwork  # noqa: E402
from hopchain_assets.ports.segmenter import Segmented, SegmenterUnavailable, ToSegment  # noqa: E402
from tests.with_models.tiny_sam3 import as_kind, damage, without  # noqa: E402

CPU = torch.device("cpu")
NAMES = ("person", "dog", "wine glass", "traffic light", "a very long name that no tokenizer can hold in 32 pieces")


@pytest.fixture(scope="module")
def tiny(weights: Path) -> TransformersNetwork:
    return loading.load_transformers(str(weights), "", CPU)


def asked(paths: Sequence[Path], *names: str) -> list[ToSegment]:
    return [ToSegment(path.stem, names, path.read_bytes) for path in paths]


def by_id(found: Sequence[Segmented]) -> dict[str, Segmented]:
    return {one.image_id: one for one in found}


def test_encoded_once_is_a_call_for_each_name(tiny: TransformersNetwork, photos: list[Path]) -> None:
    """The library's own call with the token that Meta adds: the same scores and masks, whatever the batch."""
    read = [pixels_of(path.read_bytes(), tiny.resolution)[0] for path in photos[:2]]
    encoded = tiny.encode(torch.stack(read))
    pairs = [(place, name) for place in range(2) for name in NAMES]
    ours = tiny.detect(encoded, [place for place, _ in pairs], [name for _, name in pairs], 0.0)
    for (place, name), one in zip(pairs, ours, strict=True):
        told = plain_call(tiny, read[place], name)
        presence = told.presence_logits.sigmoid()[0]
        scores, order = (told.pred_logits.sigmoid() * presence)[0].sort(descending=True)
        assert one.presence == pytest.approx(float(presence[0]), abs=1e-5)
        assert one.scores == pytest.approx(scores.tolist(), abs=1e-5)
        assert one.logits is not None
        # queries whose scores are equal to the last digit may change places: compare those whose place is sure
        gaps = (scores[:-1] - scores[1:]).tolist()
        sure = [k for k in range(1, len(gaps)) if gaps[k - 1] > 1e-5 and gaps[k] > 1e-5]
        assert sure
        expected = told.pred_masks[0][order][sure]
        assert torch.allclose(one.logits[sure], expected, atol=1e-3 * float(expected.abs().max()))


@torch.inference_mode()
def plain_call(tiny: TransformersNetwork, pixels: Any, name: str) -> Any:
    """transformers' whole `forward` for one picture and one name, with Meta's token behind the text."""
    values = normalised(pixels[None], CPU, torch.float32)
    tokens = tiny.tokenizer([name], padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt")
    text = tiny.model.get_text_features(tokens.input_ids, tokens.attention_mask)
    token = tiny.encode(pixels[None]).token
    text.pooler_output = torch.cat([text.pooler_output, token], dim=1)
    mask = torch.cat([tokens.attention_mask, torch.ones(1, 1, dtype=torch.long)], dim=1)
    return tiny.model(pixel_values=values, text_embeds=text, attention_mask=mask)


def test_the_token_is_what_the_library_makes_beside_boxes(tiny: TransformersNetwork, photos: list[Path]) -> None:
    """Its geometry encoder, given no boxes, ends with the same token."""
    pixels = pixels_of(photos[0].read_bytes(), tiny.resolution)[0]
    encoded = tiny.encode(pixels[None])
    encoder = tiny.model.geometry_encoder
    empty = torch.zeros(1, 0, tiny.model.config.geometry_encoder_config.hidden_size)
    encoder._encode_boxes = lambda *_: (empty, torch.zeros(1, 0, dtype=torch.bool))
    try:
        with torch.inference_mode():
            told = encoder(
                box_embeddings=torch.zeros(1, 0, 4),
                box_mask=torch.zeros(1, 0, dtype=torch.bool),
                box_labels=torch.zeros(1, 0, dtype=torch.long),
                img_feats=encoded.maps,
                img_pos_embeds=(encoded.positions,),
            )
    finally:
        del encoder._encode_boxes
    assert torch.allclose(told.last_hidden_state, encoded.token, atol=1e-5)


def test_pictures_are_prepared_as_the_library_prepares_them(tiny: TransformersNetwork, photos: list[Path]) -> None:
    """Its processor on Pillow differs in rounding alone: by one step of a byte at most, and hardly anywhere."""
    from transformers.image_processing_backends import PilBackend

    processor = PilBackend(
        do_resize=True,
        size={"height": tiny.resolution, "width": tiny.resolution},
        resample=Image.Resampling.BILINEAR,
        do_rescale=True,
        rescale_factor=1 / 255,
        do_normalize=True,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    for path in photos[:3]:
        with Image.open(path) as opened:
            theirs = torch.as_tensor(np.asarray(processor(opened.convert("RGB")).pixel_values[0]))
        ours = normalised(pixels_of(path.read_bytes(), tiny.resolution)[0], CPU, torch.float32)
        assert (ours - theirs).abs().max() <= 2 / 255 + 1e-6
        assert (ours - theirs).abs().mean() < 0.1 * 2 / 255


def test_masks_become_run_lengths_at_the_picture_s_size() -> None:
    """What is positive after enlarging, written as COCO does; torch's enlarging is the reference."""
    torch.manual_seed(1)
    logits = torch.nn.functional.avg_pool2d(torch.randn(5, 1, 40, 40), 5, 1)[:, 0]
    large = torch.nn.functional.interpolate(logits[:, None], (61, 47), mode="bilinear", align_corners=False)[:, 0] > 0
    strips = Strips.decode(run_lengths_of(logits, 61, 47), 61, 47)
    assert strips.areas.tolist() == large.flatten(1).sum(1).tolist()
    owner, column, top, bottom = strips.cut
    drawn = np.zeros((5, 61, 47), bool)
    for mask, x, y0, y1 in zip(owner, column, top, bottom, strict=True):
        drawn[mask, y0:y1, x] = True
    assert (drawn == large.numpy()).all()
    assert Strips.decode(run_lengths_of(-torch.ones(1, 4, 4), 9, 9), 9, 9).areas.tolist() == [0]


def test_pictures_of_any_size_come_through_in_batches(weights: Path, photos: list[Path]) -> None:
    """Ten photographs, three at once: each with its names in order, masks of its own size, the best first."""
    found = by_id(list(Sam3(str(weights), batch=3, floor=0.2).segment(asked(photos[:10], "person", "dog"))))
    assert set(found) == {path.stem for path in photos[:10]}
    for path in photos[:10]:
        with Image.open(path) as opened:
            width, height = opened.size
        one = found[path.stem]
        assert [g.category for g in one.groundings] == ["person", "dog"] and not one.error
        for grounding in one.groundings:
            scores = [mask.score for mask in grounding.found]
            assert scores and scores == sorted(scores, reverse=True) and scores[-1] >= 0.2
            Strips.decode([mask.mask_rle for mask in grounding.found], height, width)


def test_the_batch_changes_nothing(weights: Path, photos: list[Path]) -> None:
    """One at a time, or all at once."""
    alone, together = (
        by_id(list(Sam3(str(weights), batch=batch, floor=0.2).segment(asked(photos[:4], "cup", "tie"))))
        for batch in (1, 4)
    )
    for name, one in alone.items():
        for a, b in zip(one.groundings, together[name].groundings, strict=True):
            assert a.presence == pytest.approx(b.presence, abs=1e-5)
            assert [m.score for m in a.found] == pytest.approx([m.score for m in b.found], abs=1e-5)


def test_a_high_floor_finds_nothing_and_says_how_sure_that_is(weights: Path, photos: list[Path]) -> None:
    """No masks are made, and the presence is there all the same."""
    (one,) = Sam3(str(weights), floor=0.999).segment(asked(photos[:1], "person"))
    assert one.groundings[0].found == () and 0 < one.groundings[0].presence <= 1


def test_a_picture_without_names_has_no_groundings(weights: Path, photos: list[Path]) -> None:
    """It is told of like any other."""
    assert list(Sam3(str(weights)).segment(asked(photos[:1]))) == [Segmented(photos[0].stem)]


def test_a_broken_picture_stops_no_other(weights: Path, photos: list[Path], tmp_path: Path) -> None:
    """Nor does one that is gone."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:2000])
    pictures = [*asked([broken], "dog"), ToSegment("gone", ("dog",), (tmp_path / "gone").read_bytes)]
    found = by_id(list(Sam3(str(weights), batch=4, floor=0.2).segment(pictures + asked(photos[:2], "dog"))))
    assert "cannot be read" in found["broken"].error and "gone" in found["gone"].error
    assert all(found[path.stem].groundings for path in photos[:2])


class Narrow:
    """A network with room for so many pictures, and so many pairs, at once: it tells of it as torch does."""

    def __init__(self, inner: TransformersNetwork, pictures: int, pairs: int, error: Callable[[], Exception]) -> None:
        self.inner, self.pictures, self.pairs, self.error = inner, pictures, pairs, error
        self.resolution, self.device = inner.resolution, inner.device

    def encode(self, pixels: Any) -> Any:
        if len(pixels) > self.pictures:
            raise self.error()
        return self.inner.encode(pixels)

    def detect(self, encoded: Any, where: Sequence[int], names: Sequence[str], floor: float) -> Any:
        if len(names) > self.pairs:
            raise self.error()
        return self.inner.detect(encoded, where, names, floor)


ERRORS: dict[str, Callable[[], Exception]] = {
    "card": lambda: torch.OutOfMemoryError("CUDA out of memory"),
    "machine": lambda: RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_where_memory_ends_half_as_much_is_done_at_once(
    error: str, tiny: TransformersNetwork, photos: list[Path]
) -> None:
    """All pictures come through, the sizes stay halved; one that fails alone is told of."""
    batch = [
        (picture, pixels_of(picture.read(), tiny.resolution)) for picture in asked(photos[:5], "dog", "cup", "tie")
    ]
    sizes = Sizes(8, 32)
    found = _patiently(Narrow(tiny, 2, 3, ERRORS[error]), batch, sizes, 0.2)
    assert [one.image_id for one in found] == [path.stem for path in photos[:5]]
    assert all(len(one.groundings) == 3 and not one.error for one in found)
    assert sizes.pictures <= 2 and sizes.pairs <= 4
    failed = _patiently(Narrow(tiny, 0, 3, ERRORS[error]), batch[:2], Sizes(2, 4), 0.2)
    assert ["does not hold it" in one.error for one in failed] == [True, True]


def test_another_error_is_the_one_picture_s(tiny: TransformersNetwork, photos: list[Path]) -> None:
    """The batch is tried picture by picture, and the error is told."""
    batch = [(picture, pixels_of(picture.read(), tiny.resolution)) for picture in asked(photos[:3], "dog")]
    found = _patiently(Narrow(tiny, 1, 9, lambda: ValueError("an odd shape")), batch, Sizes(4, 8), 0.2)
    assert [one.error for one in found] == ["", "", ""]
    found = _patiently(Narrow(tiny, 0, 9, lambda: ValueError("an odd shape")), batch, Sizes(4, 8), 0.2)
    assert {one.error for one in found} == {"ValueError: an odd shape"}


def test_a_card_that_failed_is_nobody_s_fault(tiny: TransformersNetwork, photos: list[Path]) -> None:
    """After such an error nothing on it answers."""
    batch = [(picture, pixels_of(picture.read(), tiny.resolution)) for picture in asked(photos[:1], "dog")]
    broken = Narrow(tiny, 0, 9, lambda: RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(SegmenterUnavailable, match="start again"):
        _patiently(broken, batch, Sizes(4, 8), 0.2)


def _copy(weights: Path, folder: Path) -> Path:
    return Path(shutil.copytree(weights, folder / "copy"))


def _unavailable(folder: str | Path, **changes: Any) -> str:
    with pytest.raises(SegmenterUnavailable) as told:
        Sam3(str(folder), **changes).loaded()
    assert "\n" not in str(told.value).strip()
    return str(told.value)


def test_broken_weights_are_told_in_a_sentence(weights: Path, tmp_path: Path) -> None:
    """Cut off, incomplete, of another model, or without their files."""
    damage(cut := _copy(weights, tmp_path / "a"))
    assert "cannot be loaded" in _unavailable(cut) and str(cut) in _unavailable(cut)
    without(lacking := _copy(weights, tmp_path / "b"), "geometry_encoder")
    assert "lacks" in _unavailable(lacking) and "geometry_encoder" in _unavailable(lacking)
    as_kind(other := _copy(weights, tmp_path / "c"), "clip")
    assert "SAM3" in _unavailable(other)
    (tmp_path / "empty").mkdir()
    assert "config.json" in _unavailable(tmp_path / "empty")
    (bare := _copy(weights, tmp_path / "d"))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bare / name).unlink()
    assert "tokenizer" in _unavailable(bare)


def test_gated_weights_name_the_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody can reach the hub here; what it would say of a missing token is told as what to do."""
    # read when the package is imported; it would try five times
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_TOKEN" in _unavailable("facebook/sam3")
    assert "HF_TOKEN" in loading._sentence("facebook/sam3", "1", OSError("You are trying to access a gated repo. 401"))
    assert "no folder" in _unavailable(tmp_path / "nowhere")


def test_a_device_that_is_not_there(weights: Path) -> None:
    """Its setting is named."""
    if torch.cuda.is_available():
        pytest.skip("there is a card here")
    assert "HOPCHAIN_SAM3_DEVICE" in _unavailable(weights, device="cuda:3")
    assert "CUDA cards alone" in _unavailable(weights, code="meta")
    assert loading.device_of("auto") == CPU


def test_what_is_there_is_told_without_loading(weights: Path, tmp_path: Path) -> None:
    """As `hopchain doctor` asks."""
    assert str(weights) in loading.look(str(weights), "", "cpu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SegmenterUnavailable, match="lacks"):
        loading.look(str(tmp_path / "empty"), "", "auto")


def test_the_network_is_loaded_once_a_process(weights: Path) -> None:
    """A line is made anew for every stage."""
    assert Sam3(str(weights)).loaded() is Sam3(str(weights), batch=7).loaded()


def test_memory_errors_are_known() -> None:
    """And others are not."""
    assert all(network.is_out_of_memory(error()) for error in ERRORS.values())
    assert not network.is_out_of_memory(RuntimeError("shape mismatch"))
