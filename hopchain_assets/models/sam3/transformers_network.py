"""SAM3 as transformers has it (`Sam3Model`): runs on any device, without torchvision.

A picture is encoded once and all names are looked for in that; transformers' own call encodes it for each name. The
masks' convolutions, the dearest part for each name, are done only where an instance is sure enough to be kept.
"""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hopchain_assets.models.sam3.network import Detected
from hopchain_assets.models.sam3.pixels import normalised

# as Meta's tokenizer has it; a longer name is cut
TOKENS = 32
KEPT_TEXTS = 4096


@dataclass(frozen=True, slots=True)
class Encoded:
    """Pictures as the network sees them: feature maps from fine to coarse `[B, C, h, w]`, their positions, and a
    token `[B, 1, C]` that says what is where in general."""

    maps: tuple[torch.Tensor, ...]
    positions: torch.Tensor
    token: torch.Tensor


class TransformersNetwork:
    """A loaded `Sam3Model` with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.model, self.tokenizer = model.to(device=device, dtype=dtype).eval(), tokenizer
        self.device, self.dtype = device, dtype
        self.resolution = int(model.config.image_size)
        self._texts: OrderedDict[str, tuple[torch.Tensor, torch.Tensor]] = OrderedDict()

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> Encoded:
        """Encodes pictures, `[B, 3, R, R]` bytes of RGB."""
        seen = self.model.get_vision_features(normalised(pixels, self.device, self.dtype))
        # the last map, at half the resolution of the one before, is never used
        maps, positions = tuple(seen.fpn_hidden_states[:-1]), seen.fpn_position_encoding[-2]
        return Encoded(maps, positions, self._token(maps[-1], positions))

    @torch.inference_mode()
    def detect(self, encoded: Encoded, where: Sequence[int], names: Sequence[str], floor: float) -> list[Detected]:
        """For each pair of a picture (its place in the batch) and a name, what is at or above the floor."""
        model = self.model
        place = torch.tensor(where, device=self.device)
        text, valid = self._prompts(names)
        # Meta's code always adds the token to a text, transformers drops it where no box is given: without it one
        # pixel in fifteen of a mask turned out otherwise
        prompt = torch.cat([text, encoded.token[place]], dim=1)
        valid = torch.cat([valid, torch.ones_like(valid[:, :1])], dim=1)
        fused = model.detr_encoder(
            vision_features=[encoded.maps[-1][place]],
            text_features=prompt,
            vision_pos_embeds=[encoded.positions.expand(len(encoded.token), -1, -1, -1)[place]],
            text_mask=valid,
        )
        decoded = model.detr_decoder(
            vision_features=fused.last_hidden_state,
            text_features=fused.text_features,
            vision_pos_encoding=fused.pos_embeds_flattened,
            text_mask=valid,
            spatial_shapes=fused.spatial_shapes,
        )
        last = decoded.intermediate_hidden_states[-1:]
        logits = model.dot_product_scoring(last, fused.text_features, valid)[0, :, :, 0]
        presence = decoded.presence_logits[-1].float().sigmoid()
        scores, order = (logits.float().sigmoid() * presence).sort(dim=1, descending=True)
        kept = (scores >= floor).sum(dim=1)
        found = [Detected(sure, [], None) for sure in presence[:, 0].tolist()]
        some = kept.nonzero()[:, 0]
        if len(some) == 0:
            return found
        most = order[some, : int(kept.max())]
        queries = last[0][some[:, None], most]
        masks = model.mask_decoder(
            decoder_queries=queries,
            backbone_features=[level[place[some]] for level in encoded.maps],
            encoder_hidden_states=fused.last_hidden_state[some],
            prompt_features=prompt[some],
            prompt_mask=valid[some],
        ).pred_masks
        counts, values = kept.tolist(), scores.tolist()
        for row, pair in enumerate(some.tolist()):
            count = counts[pair]
            found[pair] = Detected(found[pair].presence, values[pair][:count], masks[row, :count])
        return found

    def _token(self, coarse: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The geometry encoder's own token, without boxes: it looks at the picture alone. `[B, 1, C]`"""
        encoder = self.model.geometry_encoder
        token = encoder.cls_embed.weight[None].expand(len(coarse), -1, -1)
        token = encoder.prompt_layer_norm(encoder.final_proj(token))
        seen, at = coarse.flatten(2).transpose(1, 2), positions.flatten(2).transpose(1, 2)
        for layer in encoder.layers:
            token = layer(prompt_feats=token, vision_feats=seen, vision_pos_encoding=at, prompt_mask=None)
        return encoder.output_layer_norm(token)

    def _prompts(self, names: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Features `[n, 32, C]` of the names and which of their tokens count `[n, 32]`; each name is read once."""
        new = [name for name in dict.fromkeys(names) if name not in self._texts]
        if new:
            tokens = self.tokenizer(
                new, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
            ).to(self.device)
            features = self.model.get_text_features(tokens.input_ids, tokens.attention_mask).pooler_output
            for name, feature, mask in zip(new, features, tokens.attention_mask.bool(), strict=True):
                self._texts[name] = (feature.clone(), mask)
        for name in names:
            self._texts.move_to_end(name)
        features, masks = zip(*(self._texts[name] for name in names), strict=True)
        while len(self._texts) > KEPT_TEXTS:
            self._texts.popitem(last=False)
        return torch.stack(features), torch.stack(masks)
