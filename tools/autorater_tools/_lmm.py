"""Any image-text checkpoint of transformers: the logits of the token that it would say next.

Requests are answered in batches, and what they share is computed once: the text before the image for all images, the
image for all questions about it. Only the last position of each prompt goes through the vocabulary.
"""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from autorater.errors import SpecialistError
from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import in_batches, load_model, load_pretrained
from autorater_tools._weights import AGAIN

CACHED = frozenset({"llava", "llava_onevision", "internvl", "qwen2_5_vl", "qwen3_vl"})
"""Architectures of which the tests show that a shared beginning changes nothing. The others compute all anew."""
WORTH = 0.1
"""A shared text is computed once when it is at least this part of the longest prompt.

What follows a cache needs an explicit attention mask, which is slower than plain causal attention: at the size of
Q-SiT mini on a CPU, 85 tokens of 425 remembered save 19 % of the time, 85 of 865 save 2 %, 75 of 1487 cost 5 % and
85 of 3785 cost 13 %.
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Prompts as the network takes them."""

    ids: list[list[int]]
    """Token ids, without padding, image tokens included."""
    pixels: dict[str, Any]
    """What the processor made of the images, all of them in order."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the network remembers of tokens that several prompts begin with."""

    ids: list[int]
    cache: Any
    pixels: dict[str, Any]


def brain_precision(device: str) -> torch.dtype:
    """bfloat16 on a GPU, in which most checkpoints were trained and where float16 may overflow; float32 on the CPU."""
    return torch.bfloat16 if device.startswith("cuda") else torch.float32


class ImageTextModel:
    """A checkpoint folder in memory. `processor`, `network` and `tokenizer` are transformers' own objects.

    Raises:
        SpecialistError: the folder is no image-text checkpoint, has no chat template, or cannot prepare an image.

    """

    def __init__(self, folder: Path, *, device: str, dtype: torch.dtype | None = None) -> None:
        allow_torchvision()  # the processors load a part for videos that wants it
        import transformers

        self.processor: Any = load_pretrained(transformers.AutoProcessor, folder)
        # The same pixels on every machine: with Pillow, as the code that these checkpoints were published with.
        self.processor.image_processor = load_pretrained(transformers.AutoImageProcessor, folder, backend="pil")
        self.tokenizer: Any = self.processor.tokenizer
        self.network: Any = load_model(transformers.AutoModelForImageTextToText, folder, device=device, dtype=dtype)
        if not (self.processor.chat_template or self.tokenizer.chat_template):
            raise SpecialistError(f"{folder.name!r} has no chat template: use a checkpoint tuned for conversation")
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.cached = self.network.config.model_type in CACHED
        self.worth = WORTH
        self._beginnings: dict[tuple[int, ...], Beginning] = {}
        try:
            self.rows([Image.new("RGB", (64, 48))], [self.prompt("?")])
        except Exception as error:  # whatever the processor raises, its settings are to blame
            raise SpecialistError(
                f"the processor of {folder.name!r} cannot prepare an image ({type(error).__name__}: {error}): {AGAIN}"
            ) from error

    def plain(self, text: str) -> str:
        """`text` from outside, in which control tokens (`<image>`, `<|im_end|>`) are broken by a space."""
        tokens = {str(token.content) for token in self.tokenizer.added_tokens_decoder.values() if token.special}
        tokens.add(str(getattr(self.processor, "image_token", "<image>")))
        longest_first = sorted((token for token in tokens if len(token.strip()) > 1), key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first)) or "(?!)"
        return re.sub(pattern, lambda match: f"{match[0][0]} {match[0][1:]}", text)

    def closed(self, text: str) -> str:
        """One user turn of an image and `text`, which ends with the token that closes it."""
        content = [{"type": "image"}, {"type": "text", "text": text}]
        turn = {"role": "user", "content": content}
        told = str(self.processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=False)).rstrip()
        end = str(self.tokenizer.eos_token or "")
        return told if told.endswith(end) else told + end

    def prompt(self, text: str, *, image_first: bool = True) -> str:
        """One user turn of `text` and an image in the checkpoint's chat format, up to where the answer begins."""
        content = [{"type": "image"}, {"type": "text", "text": text}]
        turn = {"role": "user", "content": content if image_first else content[::-1]}
        template = str(self.processor.chat_template or self.tokenizer.chat_template)
        extra = {"enable_thinking": False} if "enable_thinking" in template else {}
        return str(self.processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True, **extra))

    def rows(self, images: Sequence[Image.Image], prompts: Sequence[str], *, answer: str = "") -> Rows:
        """One prompt an image. The tokens of `answer`, tokenised alone, are put behind: how the answer begins."""
        inputs = dict(
            self.processor(
                text=list(prompts),
                images=[[image] for image in images],
                padding=True,
                padding_side="right",
                return_tensors="pt",
                add_special_tokens=self._adds_start(prompts[0]),
            )
        )
        told = inputs.pop("attention_mask")
        behind = self._ids(answer) if answer else []
        lengths = told.sum(dim=1).tolist()
        ids = [row[:length] + behind for row, length in zip(inputs.pop("input_ids").tolist(), lengths, strict=True)]
        for name in ("token_type_ids", "mm_token_type_ids"):
            inputs.pop(name, None)
        return Rows(ids=ids, pixels={name: self._placed(value) for name, value in inputs.items()})

    @torch.inference_mode()
    def next_logits(self, images: Sequence[Image.Image], prompts: Sequence[str], *, answer: str = "") -> torch.Tensor:
        """The logits (images, vocabulary) of the next token, float32. A long text before the image is computed once."""
        rows = self.rows(images, prompts, answer=answer)
        beginning = self._text_beginning(rows)
        start = len(beginning.ids) if beginning else 0
        return self._logits([ids[start:] for ids in rows.ids], beginning, rows.pixels)

    @torch.inference_mode()
    def next_states(self, images: Sequence[Image.Image], prompts: Sequence[str], *, answer: str = "") -> torch.Tensor:
        """What the vocabulary's or another head reads: the last hidden state (images, width), after the last norm."""
        rows = self.rows(images, prompts, answer=answer)
        output = self._forward(rows.ids, None, rows.pixels, network=self.network.model, use_cache=False)
        return output.last_hidden_state[range(len(rows.ids)), [len(row) - 1 for row in rows.ids]]

    def last_and_seen(self, rows: Rows) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """For every row what the last layer holds at its last token, (width,), and its image tokens, (tokens, width).

        Image tokens are those that enter the language network, after the projector; both are float32. Gradients flow
        where the caller lets them.
        """
        output = self._forward(
            rows.ids, None, rows.pixels, network=self.network.model, use_cache=False, output_hidden_states=True
        )
        images = set(self.processor.image_token_ids)
        seen = [[place for place, one in enumerate(ids) if one in images] for ids in rows.ids]
        return [
            (output.last_hidden_state[row, len(ids) - 1].float(), output.hidden_states[0][row, seen[row]].float())
            for row, ids in enumerate(rows.ids)
        ]

    @torch.inference_mode()
    def logits_of_questions(self, image: Image.Image, prompts: Sequence[str], *, size: int = 8) -> torch.Tensor:
        """The logits (prompts, vocabulary) of the next token for many prompts about one image, float32.

        The image, and what stands before it, goes through the network once.
        """
        first = self.rows([image], prompts[:1])
        parts = [prompt.rpartition(self.processor.image_token) for prompt in prompts]
        endings = [self._ids(ending) for _, _, ending in parts]
        start = len(first.ids[0]) - len(endings[0])
        alike = len({before for before, _, _ in parts}) == 1 and first.ids[0][start:] == endings[0]
        if not self.cached or not alike or len(prompts) == 1:
            each = in_batches(prompts, lambda some: list(self.next_logits([image] * len(some), some)), size=size)
            return torch.stack(each)
        beginning = self._begin(first.ids[0][:start], first.pixels)
        return torch.stack(in_batches(endings, lambda some: list(self._logits(some, beginning, {})), size=size))

    @torch.inference_mode()
    def write(self, image: Image.Image, prompt: str, *, tokens: int) -> str:
        """The answer in words, the likeliest token each time, at most `tokens` of them."""
        inputs = self.processor(
            text=[prompt], images=[[image]], return_tensors="pt", add_special_tokens=self._adds_start(prompt)
        )
        given = {name: self._placed(value) for name, value in inputs.items()}
        written = self.network.generate(**given, max_new_tokens=tokens, do_sample=False)
        return str(self.tokenizer.decode(written[0, given["input_ids"].shape[1] :], skip_special_tokens=True)).strip()

    def _text_beginning(self, rows: Rows) -> Beginning | None:
        """The tokens that all rows share before the first image, remembered from the last call."""
        if not self.cached:
            return None
        images = set(self.processor.image_token_ids)
        texts = [next((place for place, one in enumerate(ids) if one in images), len(ids)) for ids in rows.ids]
        shared = 0
        for column in zip(*(ids[:text] for ids, text in zip(rows.ids, texts, strict=True)), strict=False):
            if len(set(column)) > 1:
                break
            shared += 1
        if shared == 0 or shared < self.worth * max(map(len, rows.ids)):
            return None
        key = tuple(rows.ids[0][:shared])
        if key not in self._beginnings:
            self._beginnings = {key: self._begin(list(key), {})}  # one is kept: a specialist asks one question
        return self._beginnings[key]

    def _begin(self, ids: list[int], pixels: dict[str, Any]) -> Beginning:
        output = self._forward([ids], None, pixels, use_cache=True, logits_to_keep=1)
        return Beginning(ids=ids, cache=output.past_key_values, pixels=pixels)

    def _logits(self, ids: Sequence[list[int]], beginning: Beginning | None, pixels: dict[str, Any]) -> torch.Tensor:
        """Of the last token of each row, (rows, vocabulary), float32."""
        last = sorted({len(row) - 1 for row in ids})
        keep = torch.tensor(last, device=self.network.device)
        output = self._forward(ids, beginning, pixels, use_cache=beginning is not None, logits_to_keep=keep)
        return output.logits[range(len(ids)), [last.index(len(row) - 1) for row in ids]].float()

    def _forward(
        self,
        ids: Sequence[list[int]],
        beginning: Beginning | None,
        pixels: dict[str, Any],
        *,
        network: Any = None,
        **keywords: Any,
    ) -> Any:
        """Rows of different lengths are filled up on the right: what follows a token cannot change it."""
        longest = max(map(len, ids))
        filled = [row + [self.tokenizer.pad_token_id] * (longest - len(row)) for row in ids]
        tokens = torch.tensor(filled, device=self.network.device)
        known = torch.tensor(beginning.ids if beginning else [], dtype=torch.long, device=self.network.device)
        whole = torch.cat([known.expand(len(ids), -1), tokens], dim=1)
        if beginning:
            cache = copy.deepcopy(beginning.cache)
            cache.batch_repeat_interleave(len(ids))
            keywords["past_key_values"] = cache
        if hasattr(self.network.model, "get_rope_index"):
            grids = pixels or (beginning.pixels if beginning else {})
            keywords["position_ids"] = self._positions(whole, grids)[..., len(known) :]
        return (network or self.network)(input_ids=tokens, attention_mask=torch.ones_like(whole), **pixels, **keywords)

    def _positions(self, whole: torch.Tensor, pixels: dict[str, Any]) -> torch.Tensor:
        """The positions (3, rows, tokens) of a network that counts time, height and width apart."""
        if "image_grid_thw" not in pixels:
            return torch.arange(whole.shape[1], device=whole.device).expand(3, *whole.shape)
        kinds = torch.tensor(self.processor.create_mm_token_type_ids(list(whole)), device=whole.device)
        grids = pixels["image_grid_thw"]
        if len(grids) != len(whole):
            grids = grids.repeat(len(whole), 1)
        return self.network.model.get_rope_index(whole, mm_token_type_ids=kinds, image_grid_thw=grids)[0]

    def _ids(self, text: str) -> list[int]:
        return [int(one) for one in self.tokenizer(text, add_special_tokens=False)["input_ids"]]

    def _adds_start(self, prompt: str) -> bool:
        start = self.tokenizer.bos_token
        return not (start and prompt.startswith(start))

    def _placed(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        value = value.to(self.network.device)
        return value.to(self.network.dtype) if value.is_floating_point() else value
