"""Text from outside may hold what trainers and tokenizers take for their own marks; here it is broken, and mended.

Every exported text, in every format, has a space put after the first character of what reads as a placeholder or a
control token: `<image>` becomes `< image>`, `<|im_end|>` becomes `< |im_end|>`. A trainer that counts `<image>` then
counts our own only. The provider `transformers:` breaks the tokens of its checkpoint in the same way, so that a
student is trained on what it is later served. Text that already holds `< image>` gets one more space: nothing is lost.
"""

import re

IMAGE = "<image>"
"""The placeholder of LLaMA-Factory, ms-swift, InternVL and LLaVA."""
_TAGS = (
    # of the trainers: LLaMA-Factory counts the first three, ms-swift replaces the others too
    *("image", "video", "audio", "img", "bbox", "ref-object", "cot-process", "start-image"),
    # of checkpoints: InternVL, Gemma, LLaVA-NeXT and the tokens that begin, end and fill a text
    *("IMG_CONTEXT", "ref", "box", "quad", "image_soft_token", "start_of_image", "end_of_image"),
    *("start_of_turn", "end_of_turn", "bos", "eos", "pad", "unk", "s"),
)
_ANGLE = rf" *(?:/?(?:{'|'.join(_TAGS)})>|[|｜][^\s<>|｜]{{1,60}}[|｜]>)"
_SQUARE = r" */?(?:IMG|IMG_BREAK|IMG_END|INST)\]"
_BARE = re.compile(rf"<(?={_ANGLE})|\[(?={_SQUARE})")
_BROKEN = re.compile(rf"(<) (?={_ANGLE})|(\[) (?={_SQUARE})")


def escape(text: str) -> str:
    """`text` with every placeholder and control token broken by a space; `unescape` gives `text` back exactly."""
    return _BARE.sub(lambda match: f"{match[0]} ", text)


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    return _BROKEN.sub(lambda match: match[0][0], text)
