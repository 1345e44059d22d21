"""Writes a Qwen3-VL checkpoint of a few random weights; run by the Python that has vLLM.

python tiny_checkpoint.py FOLDER

The architecture, the picture processor, the special tokens and the opened reasoning are those of Qwen3-VL-Thinking; the
tokenizer knows the 256 bytes. What the model says is nonsense, but it comes to an end: every token's embedding begins
with the same number, so the first column of the last layer says how likely a token is, whatever came before.
"""

# pyright: reportMissingImports=false
# torch and transformers are in the environment of vLLM only

from __future__ import annotations

import json
import string
import sys
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import Qwen2Tokenizer, Qwen3VLConfig, Qwen3VLForConditionalGeneration

END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
VISION = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
# in the vocabulary, yet no special tokens: the server must see them in the text
THINK = ("<think>", "</think>")

# the prompt opens the reasoning, the model only closes it
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)

HIDDEN, HEAD, LAYERS = 64, 32, 2
LENGTH = 65_536
MOST_PIXELS = 256 * 1024
# logits beside those of all other tokens: letters are likely, what closes a text or the reasoning more so, and a
# picture is of High quality, so that the line goes on with it. The end is left to the schema: after its last bracket
# comes nothing else
CLOSING = {"</think>": 4.7, '"': 3.6, "{": 3.0, "]": 2.8, "}": 2.8, ",": 1.5}
NEVER = dict.fromkeys((END, START, STOP, *VISION, "<think>"), -9.0)
LIKELY = dict.fromkeys(string.ascii_lowercase, 3.0) | dict.fromkeys(string.digits, 2.0) | {"H": 2.5} | CLOSING | NEVER
# how much what came before has to say, so that words without chance are no endless repetition
MOOD = 3.0
# the first number of each embedding; the last norm makes it the square root of the width
STEADY = 1.0
# the second number tells a quotation mark, after which no other shall come: empty names are no names
QUOTE, NO_MORE = '"', -1.0


def main(folder: Path) -> None:
    """Writes the checkpoint, the tokenizer and the processor's settings into a folder."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    model = make_model(tokenizer)
    model.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(CHAT)
    size = {"shortest_edge": 64 * 64, "longest_edge": MOST_PIXELS}
    shared = {
        "size": size,
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "processor_class": "Qwen3VLProcessor",
    }
    images = shared | {"image_processor_type": "Qwen2VLImageProcessorFast"}
    videos = shared | {"video_processor_type": "Qwen3VLVideoProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    (folder / "video_preprocessor_config.json").write_text(json.dumps(videos))
    print(f"{sum(weight.numel() for weight in model.parameters()):,} random weights in {folder}")


def make_tokenizer() -> Qwen2Tokenizer:
    """One token a byte, and Qwen's special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab={letter: number for number, letter in enumerate(alphabet)},
        merges=[],
        unk_token=END,
        eos_token=STOP,
        pad_token=END,
        additional_special_tokens=[START, *VISION],
    )
    tokenizer.add_tokens(list(THINK))
    return tokenizer


def make_model(tokenizer: Qwen2Tokenizer) -> Qwen3VLForConditionalGeneration:
    """Random weights, but for how likely each token is."""
    number = tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HIDDEN // HEAD,
        "num_key_value_heads": 1,
        "head_dim": HEAD,
        "max_position_embeddings": LENGTH,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5_000_000.0,
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
        },
        "bos_token_id": number(END),
        "eos_token_id": number(STOP),
    }
    vision = {
        "depth": LAYERS,
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_heads": HIDDEN // HEAD,
        "out_hidden_size": HIDDEN,
        "deepstack_visual_indexes": [0],
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        tie_word_embeddings=False,
    )
    model = Qwen3VLForConditionalGeneration(config).to(torch.bfloat16)
    with torch.no_grad():
        words, last = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        words[:, 0] = STEADY
        last *= MOOD
        steady = last[:, 0]
        steady.zero_()
        for token, logit in LIKELY.items():
            steady[number(token)] = logit / HIDDEN**0.5
        words[:, 1], last[:, 1] = 0.0, 0.0
        words[number(QUOTE), 1], last[number(QUOTE), 1] = STEADY, NO_MORE
    model.generation_config.eos_token_id = number(STOP)
    model.generation_config.pad_token_id = number(END)
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]))
