"""The form of a reward head before it is trained: its base, its perspectives, what they ask and on which scale."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from autorater.errors import SpecialistError, UsageError
from autorater.vision_ops import allow_torchvision
from autorater_evals.heads.data import Data
from autorater_evals.heads.examples import Labelled
from autorater_evals.heads.settings import Settings
from autorater_tools._checkpoints import load_pretrained
from autorater_tools._reward_form import Adapter, Perspective, RewardForm, mark_of
from autorater_tools.lmm4lmm import ASKED

Split = tuple[Labelled, Labelled]
"""What is trained on, and what is held out."""


def find_base(base: str) -> Path:
    """The folder of a checkpoint: a path, or a repository of the hub that was downloaded before.

    Raises:
        UsageError: neither; nothing is downloaded here.

    """
    if Path(base).expanduser().is_dir():
        return Path(base).expanduser()
    hub: Any = import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(base, local_files_only=True))
    except Exception as error:  # whatever the library raises, it is not here
        raise UsageError(
            f"expected a folder with a checkpoint, or a model that the Hugging Face cache holds, got {base!r}: "
            f"check the path, or run `hf download {base}`"
        ) from error


def make_form(data: Data, base: str, settings: Settings, labelled: Mapping[str, Split]) -> RewardForm:
    """The form of heads on `base`, one for each dimension of `labelled`.

    Raises:
        UsageError: all opinions are the same, two dimensions have one name, or the base takes no images.
        SpecialistError: the base has no weights as safetensors.

    """
    import transformers

    allow_torchvision()  # reading a configuration imports the module of its model, and some of them torchvision
    folder = find_base(base)
    config = _config(folder, transformers.AutoConfig)
    names: dict[str, str] = {}
    for dimension in labelled:
        if (other := names.setdefault(_name(dimension), dimension)) != dimension:
            raise UsageError(
                f"the dimensions {other!r} and {dimension!r} are both named {_name(dimension)} as perspectives: "
                "train them into two folders"
            )
    ranked = settings.loss in ("bt", "gpm")
    adapter = Adapter(rank=settings.rank, alpha=settings.alpha, vision=settings.loss == "l1")
    return RewardForm(
        loss=settings.loss,
        head=settings.head,
        size=settings.gpm_size if settings.loss == "gpm" else 1,
        temperature=settings.temperature if ranked else 1.0,
        width=int(config.get_text_config().hidden_size),
        base=folder.name if Path(base).expanduser().is_dir() else base,
        base_mark=mark_of(folder),
        adapter=adapter if settings.lora else None,
        projector=settings.lora,
        perspectives=tuple(_perspective(data, one, settings, train) for one, (train, _) in labelled.items()),
    )


def _config(folder: Path, library: Any) -> Any:
    """The base's configuration. Raises UsageError unless it is that of a vision language model."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    wanted = "expected the folder or the hub's name of a vision language model"
    try:
        config = load_pretrained(library, folder)
    except SpecialistError as error:
        raise UsageError(f"the base {folder.name!r} cannot be read: {wanted} (--base)") from error
    if config.model_type not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        raise UsageError(f"the base {folder.name!r} is a {config.model_type}, which takes no images: {wanted} (--base)")
    return config


def _name(dimension: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", dimension.lower()).strip("_")
    return name if name[:1].isalpha() else f"d_{name}".strip("_")


def _perspective(data: Data, dimension: str, settings: Settings, train: Labelled) -> Perspective:
    name = _name(dimension)
    if settings.loss != "l1":
        return Perspective(name=name, dimension=dimension, question="{prompt}")
    what = "overall quality" if dimension == "overall" else dimension
    own = f"How would you rate the {what} of this image? prompt: {{prompt}}", f"The {what} of the image is"
    question, answer = ASKED.get(dimension, own)
    ends = [
        (one.low, one.high)
        for part in data.benchmark.meta.parts
        for one in part.dimensions
        if one.name == dimension and one.low is not None and one.high is not None
    ]
    targets = [example.target for example in train.examples]
    low, high = ends[0] if ends else (min(targets), max(targets))
    if not low < high:
        raise UsageError(f"all opinions of {dimension!r} are {low:g}: there is nothing to learn")
    return Perspective(name=name, dimension=dimension, question=question, answer=answer, low=low, high=high)
