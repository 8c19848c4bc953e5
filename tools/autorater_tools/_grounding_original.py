"""The original code of Grounding DINO (`groundingdino-py`), on today's transformers."""

import contextlib
import warnings
from collections.abc import Generator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autorater.errors import MissingExtraError, SpecialistError
from autorater.vision_ops import allow_torchvision
from autorater_tools._building import BUILDING
from autorater_tools._grounding import Caption, Preparation
from autorater_tools._offline import replaced, silent

CONFIGS = {"tiny": "GroundingDINO_SwinT_OGC.py", "base": "GroundingDINO_SwinB_cfg.py"}
CHECKPOINTS = {"tiny": "groundingdino_swint_ogc.pth", "base": "groundingdino_swinb_cogcoor.pth"}
_PLACE = "groundingdino.models.GroundingDINO.groundingdino"


class PhraseEncoder(nn.Module):
    """BERT in which a token sees only the tokens of its own phrase.

    The package's own class takes parts of BertModel that transformers 5 no longer has (issue 446 of
    IDEA-Research/GroundingDINO). Its parts keep their names, because the checkpoint goes by them.
    """

    def __init__(self, bert_model: Any) -> None:
        super().__init__()
        self.config = bert_model.config
        self.embeddings = bert_model.embeddings
        self.encoder = bert_model.encoder
        self.pooler = bert_model.pooler

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, token_type_ids: Tensor | None = None
    ) -> dict[str, Tensor]:
        """`attention_mask` is (n, tokens, tokens): which token sees which. Gives (n, tokens, width)."""
        hidden = self.embeddings(input_ids=input_ids, position_ids=position_ids, token_type_ids=token_type_ids)
        barred = torch.zeros_like(attention_mask, dtype=hidden.dtype)
        barred = barred.masked_fill(~attention_mask.bool(), torch.finfo(hidden.dtype).min)
        return {"last_hidden_state": self.encoder(hidden, attention_mask=barred[:, None])[0]}


class Original:
    """The network that `config` describes with the weights of `checkpoint`; `text_encoder` is a folder with a BERT."""

    def __init__(self, *, config: Path, checkpoint: Path, text_encoder: Path, device: str) -> None:
        self.device = device
        self.preparation = Preparation()
        with BUILDING, _unwarned():
            self.model = _built(config, text_encoder)
        self.tokenizer: Any = self.model.tokenizer
        _fill(self.model, checkpoint)
        self.model.to(device).eval()

    @torch.inference_mode()
    def __call__(self, pixels: Tensor, captions: Sequence[Caption]) -> tuple[Tensor, Tensor]:
        """See `Network`. In float32: the original code is not made for halves.

        Pictures with one caption go together. With several captions its text encoder would hand the masks of one
        picture to the heads of another (it repeats the masks batch by batch, where attention counts head by head).
        """
        given = pixels.to(self.device)
        rows: dict[str, list[int]] = {}
        for row, caption in enumerate(captions):
            rows.setdefault(caption.text, []).append(row)
        found: dict[int, tuple[Tensor, Tensor]] = {}
        for text, places in rows.items():
            with _unwarned():
                outputs = self.model(given[places], captions=[text] * len(places))
            found.update(zip(places, zip(outputs["pred_logits"], outputs["pred_boxes"], strict=True), strict=True))
        logits, boxes = zip(*(found[row] for row in range(len(captions))), strict=True)
        return torch.stack(logits), torch.stack(boxes)


def packaged_config(variant: str) -> Path:
    """The configuration of a released checkpoint, which the package ships.

    Raises:
        MissingExtraError: the package is not installed.
        SpecialistError: the original code has no such variant.

    """
    if variant not in CONFIGS:
        raise SpecialistError(
            f"backend=groundingdino has the variants {' and '.join(CONFIGS)}, not {variant!r}: use backend=transformers"
        )
    spec = find_spec("groundingdino")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the original code of Grounding DINO", extra="grounding-original")
    return Path(spec.submodule_search_locations[0]) / "config" / CONFIGS[variant]


def _built(config: Path, text_encoder: Path) -> Any:
    allow_torchvision()
    code: Any = import_module(_PLACE)
    settings: Any = import_module("groundingdino.util.slconfig").SLConfig.fromfile(str(config))
    settings.device = "cpu"
    settings.text_encoder_type = str(text_encoder)
    settings.use_checkpoint = settings.use_transformer_ckpt = False  # they save memory in training only
    tokenizers: Any = import_module("groundingdino.util.get_tokenlizer")
    try:
        with replaced(code, {"BertModelWarper": PhraseEncoder}), replaced(tokenizers, {"print": silent}):
            return import_module("groundingdino.models").build_model(settings)
    except Exception as error:
        raise SpecialistError(
            f"the original Grounding DINO cannot be built with the text encoder {text_encoder.name!r} "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]}): "
            "fetch it again with `autorater tools pull grounding_dino`"
        ) from error


def _fill(model: Any, checkpoint: Path) -> None:
    """Load the weights; no pickled objects are read, only tensors."""
    again = "fetch it again with `autorater tools pull grounding_dino`"
    try:
        state: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["model"]
        state = {name.removeprefix("module."): value for name, value in state.items()}
        told: Any = model.load_state_dict(state, strict=False)
    except Exception as error:  # whatever is raised, the file is to blame
        raise SpecialistError(
            f"{checkpoint.name} is no checkpoint of this network ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}): {again}"
        ) from error
    # The pooler is never used, and the index follows from the window.
    unused = ("bert.pooler", "position_ids", "relative_position_index")
    if missing := [name for name in told.missing_keys if not any(part in name for part in unused)]:
        raise SpecialistError(f"{checkpoint.name} lacks {len(missing)} weights ({missing[0]}, …): {again}")


@contextlib.contextmanager
def _unwarned() -> Generator[None]:
    """The package uses what is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
