"""A SAM3 of random weights, saved as a user's would be: the real classes, 0.3 million parameters, 224 pixels."""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTokenizerFast, Sam3Config, Sam3Model

SIDE, PATCH, WIDTH = 224, 14, 32
START, END = "<|startoftext|>", "<|endoftext|>"


def save_tiny_sam3(folder: Path, seed: int = 0) -> Path:
    """Writes config.json, model.safetensors and the tokenizer's files; returns the folder."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    model = Sam3Model(_config(len(tokenizer)))
    # as they are made, all queries say the same: spread them, so that scores and masks differ
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() > 1:
                weights.normal_(0, 0.35 if "detr" in name or "mask" in name else 0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(words: int) -> Sam3Config:
    grid = SIDE // PATCH
    small = {"hidden_size": WIDTH, "num_attention_heads": 4, "intermediate_size": 64}
    return Sam3Config(
        vision_config={
            "fpn_hidden_size": WIDTH,
            "backbone_feature_sizes": [[grid * 4] * 2, [grid * 2] * 2, [grid] * 2],
            "backbone_config": {
                "model_type": "sam3_vit_model", "hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 2,
                "num_attention_heads": 4, "image_size": SIDE, "patch_size": PATCH, "window_size": 4,
                "global_attn_indexes": [1], "pretrain_image_size": SIDE,
            },
        },
        text_config={
            "model_type": "clip_text_model", "vocab_size": words, "projection_dim": 16, "num_hidden_layers": 2,
            "max_position_embeddings": 32, "hidden_act": "gelu",
            "bos_token_id": words - 2, "eos_token_id": words - 1, "pad_token_id": words - 1, **small,
        },
        geometry_encoder_config={"num_layers": 2, **small},
        detr_encoder_config={"num_layers": 2, **small},
        detr_decoder_config={"num_layers": 2, "num_queries": 20, **small},
        mask_decoder_config={"hidden_size": WIDTH, "num_attention_heads": 4},
    )  # fmt: skip


def clip_tokenizer() -> CLIPTokenizerFast:
    """CLIP's, byte by byte: no merges, so that it needs no file of words."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), START, END]
    vocabulary = {word: number for number, word in enumerate(words)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], end_of_word_suffix="</w>", unk_token=END))
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(False)])
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.RobertaProcessing((END, vocabulary[END]), (START, vocabulary[START]))
    return CLIPTokenizerFast(tokenizer_object=made, bos_token=START, eos_token=END, pad_token=END, unk_token=END)


def damage(folder: Path) -> None:
    """Cuts the weights off in the middle, as a broken download leaves them."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without(folder: Path, part: str) -> None:
    """Leaves out the weights whose names hold `part`, as an older export may."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file({name: value for name, value in load_file(path).items() if part not in name}, path, {"format": "pt"})


def as_kind(folder: Path, kind: str) -> None:
    """Calls the model another one."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": kind}))
