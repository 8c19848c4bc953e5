"""A llama with an eye, of random weights, as the two GGUF files that llama.cpp reads. Half a megabyte in all."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from gguf import GGUFWriter, TokenType
from numpy.typing import NDArray

WIDTH, FEED, LAYERS, HEADS, KEY_HEADS, CONTEXT = 64, 128, 2, 4, 2, 16_384
EYE, EYE_FEED, EYE_LAYERS, EYE_HEADS, SIDE, PATCH = 32, 64, 2, 2, 56, 14
BIAS, FIRST_BYTE = 2.0, 3
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
CALLING = (
    "{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}"
    '<tool_call>{"name": "{{ call["function"]["name"] }}", '
    '"arguments": {{ call["function"]["arguments"] | tojson }}}</tool_call>'
    "{% endfor %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
"""A template from which llama.cpp learns how this model calls tools; a call is begun by one word of the vocabulary."""
CALL_WORDS = ("<tool_call>", "</tool_call>")
END, EAGER_TO_CALL, EAGER_TO_END = 2, 5.0, 4.5


class Weights:
    """Random tensors from one seed, written as float32.

    Column 0 of every word and of every patch of an image holds `BIAS`, and no layer writes to it: so the head has a
    bias, which llama has not, and can forbid single bytes of characters. Random ones spell no UTF-8, and the server
    refuses to repeat such an answer.
    """

    def __init__(self, writer: GGUFWriter, seed: int) -> None:
        self._writer = writer
        self._random = np.random.default_rng(seed)

    def drawn(self, name: str, *shape: int, spread: float = 0.05, silent: bool = False) -> None:
        """Normal numbers; `silent` leaves what comes out at place 0 at zero."""
        tensor = self._random.standard_normal(shape) * spread
        if silent:
            tensor[0] = 0.0
        self._add(name, tensor)

    def constant(self, name: str, length: int, value: float, *, first: float | None = None) -> None:
        tensor = np.full(length, value)
        tensor[0] = value if first is None else first
        self._add(name, tensor)

    def words(
        self,
        name: str,
        count: int,
        *,
        first: float,
        spread: float,
        rare: range = range(0),
        eager: Mapping[int, float] = MappingProxyType({}),
    ) -> None:
        """One row for each word. The rare ones are never said, the eager ones often."""
        tensor = self._random.standard_normal((count, WIDTH)) * spread
        tensor[:, 0] = first
        tensor[rare, 0] = -50.0
        for word, bias in eager.items():
            tensor[word, 0] = bias
        self._add(name, tensor)

    def affine(self, name: str, out: int, width: int) -> None:
        self.drawn(f"{name}.weight", out, width)
        self.constant(f"{name}.bias", out, 0.0)

    def norm(self, name: str, width: int) -> None:
        self.constant(f"{name}.weight", width, 1.0)
        self.constant(f"{name}.bias", width, 0.0)

    def _add(self, name: str, tensor: NDArray[np.float64]) -> None:
        self._writer.add_tensor(name, tensor.astype(np.float32))


def build_gguf(folder: Path, *, seed: int = 0, calls: bool = False) -> tuple[Path, Path]:
    """Write the language model and the vision model with its projector; their paths, in this order.

    With `calls` its template knows tools, and it likes to call them: once it has begun to, llama.cpp's grammar lets it
    write nothing but proper calls.
    """
    text, vision = folder / "tiny.gguf", folder / "tiny-mmproj.gguf"
    _write_language(GGUFWriter(text, "llama"), seed, calls=calls)
    _write_vision(GGUFWriter(vision, "clip"), seed + 1)
    return text, vision


def _vocabulary(writer: GGUFWriter, *, calls: bool) -> int:
    """Every byte, every printable character and a few words, so that any text can be spelt."""
    marks = CALL_WORDS if calls else ()
    special = {"<unk>": TokenType.UNKNOWN, "<s>": TokenType.CONTROL, "</s>": TokenType.CONTROL}
    raw = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = [*map(chr, range(33, 127)), "\u2581"]
    words = ["\u2581the", "\u2581image", "score", "tie", '":', '{"', '"}', ',"']
    kinds = [*special.values(), *[TokenType.BYTE] * len(raw), *[TokenType.NORMAL] * len(letters + words)]
    scores = [0.0] * (len(special) + len(raw)) + [-1.0] * len(letters) + [-2.0] * len(words)
    writer.add_token_list([*special, *raw, *letters, *words, *marks])
    writer.add_token_types([*kinds, *[TokenType.USER_DEFINED] * len(marks)])
    writer.add_token_scores([*scores, *[0.0] * len(marks)])
    writer.add_tokenizer_model("llama")
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(True)
    return len(special) + len(raw) + len(letters) + len(words) + len(marks)


def _write_language(writer: GGUFWriter, seed: int, *, calls: bool) -> None:
    words = _vocabulary(writer, calls=calls)
    eager = {words - len(CALL_WORDS): EAGER_TO_CALL, END: EAGER_TO_END} if calls else {}
    writer.add_name("tiny-random")
    writer.add_chat_template(CALLING if calls else TEMPLATE)
    writer.add_vocab_size(words)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(0)
    weights = Weights(writer, seed)
    weights.words("token_embd.weight", words, first=BIAS, spread=1.0)
    unsaid = range(FIRST_BYTE + 128, FIRST_BYTE + 256)
    weights.words("output.weight", words, first=0.0, spread=0.5, rare=unsaid, eager=eager)
    weights.constant("output_norm.weight", WIDTH, 1.0)
    keys = WIDTH // HEADS * KEY_HEADS
    for layer in range(LAYERS):
        start = f"blk.{layer}."
        weights.constant(f"{start}attn_norm.weight", WIDTH, 1.0)
        weights.constant(f"{start}ffn_norm.weight", WIDTH, 1.0)
        for name, out in {"attn_q": WIDTH, "attn_k": keys, "attn_v": keys, "ffn_gate": FEED, "ffn_up": FEED}.items():
            weights.drawn(f"{start}{name}.weight", out, WIDTH)
        weights.drawn(f"{start}attn_output.weight", WIDTH, WIDTH, silent=True)
        weights.drawn(f"{start}ffn_down.weight", WIDTH, FEED, silent=True)
    _close(writer)


def _write_vision(writer: GGUFWriter, seed: int) -> None:
    writer.add_file_type(0)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", False)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    numbers = {
        "image_size": SIDE,
        "patch_size": PATCH,
        "embedding_length": EYE,
        "feed_forward_length": EYE_FEED,
        "block_count": EYE_LAYERS,
        "attention.head_count": EYE_HEADS,
        "projection_dim": WIDTH,
    }
    for name, number in numbers.items():
        writer.add_uint32(f"clip.vision.{name}", number)
    weights = Weights(writer, seed)
    weights.drawn("v.class_embd", EYE)
    weights.drawn("v.patch_embd.weight", EYE, 3, PATCH, PATCH)
    weights.drawn("v.position_embd.weight", (SIDE // PATCH) ** 2 + 1, EYE)
    weights.norm("v.pre_ln", EYE)
    weights.norm("v.post_ln", EYE)
    for layer in range(EYE_LAYERS):
        start = f"v.blk.{layer}."
        weights.norm(f"{start}ln1", EYE)
        weights.norm(f"{start}ln2", EYE)
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            weights.affine(f"{start}{name}", EYE, EYE)
        weights.affine(f"{start}ffn_up", EYE_FEED, EYE)
        weights.affine(f"{start}ffn_down", EYE, EYE_FEED)
    # The projector is drawn wide, or the words would drown what the eye sees.
    weights.drawn("mm.0.weight", WIDTH, EYE, spread=0.5)
    weights.constant("mm.0.bias", WIDTH, 0.0)
    weights.drawn("mm.2.weight", WIDTH, WIDTH, spread=0.5, silent=True)
    weights.constant("mm.2.bias", WIDTH, 0.0, first=BIAS)
    _close(writer)


def _close(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
