"""A vision language model on this machine, through transformers: `transformers:ID`, a hub name or a folder.

Nothing is downloaded unasked and no code of a checkpoint is ever run. The answer is decoded under its schema
(`_constrained`), so that it always parses. Opening reads the configuration only; the weights are loaded by the first
question.
"""

import asyncio
import hashlib
import io
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import torch
import transformers
from PIL import Image as Pillow

from autorater.canonical import digest_of
from autorater.errors import AutoRaterError, ProviderError, Unavailable, UsageError
from autorater.image import Fit, Sent, fit
from autorater.messages import Image, Text
from autorater.model import Capability, Question, Reply, Usage
from autorater.providers._constrained import Draw, Until, compile_words
from autorater.providers._local_chat import render
from autorater.providers._tools import check_no_tools
from autorater.providers._wire import Schemas, check_images
from autorater.vision_ops import allow_torchvision

_CAPABILITY = Capability(
    # Every processor scales to its own size, so a picture is cut down only where it would cost much memory.
    fit=Fit(max_side=4096, max_pixels=2**22, max_bytes=64 * 2**20),
    logprobs=True,
    image_tokens="by the checkpoint's own processor; counted in the usage",
    known=False,
)
_WEIGHTS_AND_SETTINGS = (".json", ".jinja", ".safetensors", ".bin", ".model", ".txt")
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A checkpoint in memory: transformers' own objects, which carry no types worth the name."""

    processor: Any
    network: Any
    words: Any
    context: int | None
    served_by: str


class TransformersModel:
    """A local model. One question is answered at a time, in a thread of its own, since a network is not shared.

    `device` is "cuda", "mps", "cpu", "cuda:1", …, the best there is when None. `dtype` is "bfloat16", "float16" or
    "float32"; None means bfloat16 on CUDA and float32 elsewhere.

    Raises:
        UsageError: no such folder or checkpoint here, no vision language model, or an unknown device or dtype.
        Unavailable: a download was allowed and did not work.

    """

    def __init__(
        self, model: str, *, device: str | None = None, dtype: str | None = None, allow_downloads: bool = False
    ) -> None:
        folder = _folder(model)
        self._local = folder.is_dir()
        if not self._local and (model.startswith((".", "/", "~")) or folder.is_absolute()):
            raise UsageError(f"expected a model's folder at {model!r}, found none: check the path")
        self._source = str(folder) if self._local else model
        # The name goes into logs, where a path of this machine has no place.
        self._name = f"transformers:{folder.name if self._local and folder.is_absolute() else model}"
        self._allow_downloads = allow_downloads
        self._device = _device(device)
        self._dtype = _dtype(dtype, self._device)
        self._config = self._read_config()
        self._schemas = Schemas(frozenset())
        self._lane = ThreadPoolExecutor(max_workers=1, thread_name_prefix="autorater-transformers")
        self._loaded: _Loaded | None = None

    @property
    def name(self) -> str:
        """`transformers:` and the hub name or folder; of an absolute path, only its last part."""
        return self._name

    @property
    def folder(self) -> Path | None:
        """The folder of the checkpoint; None of a model of the hub."""
        return Path(self._source) if self._local else None

    @property
    def capability(self) -> Capability:
        """What it takes and gives; how many images a checkpoint was trained for is not known."""
        return _CAPABILITY

    async def ask(self, question: Question) -> Reply:
        """Answer one question; cancelling it ends the generation at the next token.

        Raises:
            UsageError: the schema cannot be enforced, the checkpoint is not usable, or the question has tools.
            ProviderError: out of memory, more tokens than the context holds, or the checkpoint's code failed.

        """
        cancelled = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._lane, self._answer, question, cancelled)
        finally:
            cancelled.set()

    async def close(self) -> None:
        """Free the memory of the weights, once the question at hand is answered; another question loads them again."""
        await asyncio.get_running_loop().run_in_executor(self._lane, self._free)

    def _free(self) -> None:
        self._loaded = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _answer(self, question: Question, cancelled: threading.Event) -> Reply:
        check_images(question.conversation, _CAPABILITY, name=self._name)
        check_no_tools(question, name=self._name)
        try:
            if self._loaded is None:
                self._loaded = self._load()
            with torch.inference_mode():
                return self._generate(self._loaded, question, cancelled)
        except AutoRaterError:
            raise
        except Exception as error:  # a checkpoint's own code runs here, and raises what it likes
            self._fail(error)

    def _generate(self, loaded: _Loaded, question: Question, cancelled: threading.Event) -> Reply:
        sampling = question.sampling
        sent = [fit(picture, _CAPABILITY.fit) for picture in question.conversation.pictures()]
        prompt, warnings = render(loaded.processor, question.conversation, name=self._name)
        inputs = self._inputs(loaded, prompt, sent)
        read = int(inputs["input_ids"].shape[1])
        room = sampling.max_output_tokens if loaded.context is None else loaded.context - read
        if room < 1:
            raise ProviderError(
                f"{self._name}: the prompt has {read} tokens and the context holds {loaded.context}: "
                "send fewer images or a shorter text"
            )
        if room < sampling.max_output_tokens:
            warnings.append(f"the context leaves {room} of the {sampling.max_output_tokens} tokens for the answer")
        if sampling.effort is not None:
            warnings.append(f"effort {sampling.effort} was dropped: {self._name} does not take it")
        draw = Draw(
            loaded.words,
            self._schemas.wire(question),
            temperature=sampling.temperature,
            seed=_seed(question),
            logprobs=sampling.logprobs,
        )
        loaded.network.generate(
            **inputs,
            max_new_tokens=min(room, sampling.max_output_tokens),
            logits_processor=transformers.LogitsProcessorList([draw]),
            stopping_criteria=transformers.StoppingCriteriaList([Until(lambda: draw.complete or cancelled.is_set())]),
        )
        return Reply(
            text=draw.text,
            finish="stop" if draw.valid else "length",
            usage=Usage(input=read, output=len(draw.ids)),
            served_by=loaded.served_by,
            tokens=tuple(draw.tokens),
            warnings=(*warnings, *draw.warnings),
            raw={
                "library": f"transformers {transformers.__version__}",
                "device": self._device.type,
                "dtype": str(self._dtype).removeprefix("torch."),
                "output_ids": draw.ids,
            },
        )

    def _inputs(self, loaded: _Loaded, prompt: str, sent: list[Sent]) -> dict[str, Any]:
        """The tensors for the network, on its device. Pixels are decoded from the very bytes that are hashed."""
        pixels = [Pillow.open(io.BytesIO(one.data)).convert("RGB") for one in sent]
        start = loaded.processor.tokenizer.bos_token
        features: Any = loaded.processor(
            text=[prompt],
            images=[pixels] if pixels else None,
            add_special_tokens=not (start and prompt.startswith(start)),
            return_tensors="pt",
        )
        return dict(features.to(self._device, dtype=self._dtype))

    def _read_config(self) -> Any:
        allow_torchvision()  # reading a configuration imports the module of its model, and some of them torchvision
        try:
            config: Any = cast("Any", transformers.AutoConfig).from_pretrained(self._source, **self._access())
        except Exception as error:  # OSError, ValueError, KeyError or an error of the hub's client
            self._missing(error)
        known = cast(
            "dict[str, Any]", transformers.models.auto.modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
        )
        if config.model_type not in known:
            raise UsageError(
                f"{self._name} is a {config.model_type} model, which does not answer in text about images; "
                "expected one that AutoModelForImageTextToText opens (LLaVA, Qwen-VL, InternVL, Gemma, …)"
            )
        return config

    def _load(self) -> _Loaded:
        try:
            with _progress_bars(self._allow_downloads):
                processor: Any = cast("Any", transformers.AutoProcessor).from_pretrained(self._source, **self._access())
                network: Any = cast("Any", transformers.AutoModelForImageTextToText).from_pretrained(
                    self._source, dtype=self._dtype, **self._access()
                )
        except ImportError as error:
            raise UsageError(f"{self._name} needs a package that is not installed: {_first_line(error)}") from error
        except (OSError, ValueError, KeyError) as error:
            self._missing(error)
        if not (hasattr(processor, "image_processor") and hasattr(processor, "tokenizer")):
            raise UsageError(f"{self._name} has no processor for images and text: its checkpoint is incomplete")
        if not isinstance(processor.tokenizer, transformers.PreTrainedTokenizerFast):
            raise UsageError(f"{self._name} has no tokenizer.json, which decoding under a schema needs: convert it")
        settings, tokenizer = network.generation_config, cast("Any", processor.tokenizer)
        ends = _ends(tokenizer.eos_token_id, settings.eos_token_id)
        if not ends:
            raise UsageError(f"{self._name} names no token that ends an answer: its checkpoint is incomplete")
        # The checkpoint's own sampling (penalties, cut-offs) would bend the answer behind the caller's back.
        network.generation_config = transformers.GenerationConfig(
            eos_token_id=ends, pad_token_id=ends[0], bos_token_id=settings.bos_token_id, do_sample=False
        )
        return _Loaded(
            processor=processor,
            network=network.to(self._device).eval(),
            words=compile_words(tokenizer, ends),
            context=getattr(self._config.get_text_config(), "max_position_embeddings", None),
            served_by=f"{self._name.removeprefix('transformers:')}@{self._version()}",
        )

    def _access(self) -> dict[str, bool]:
        return {"local_files_only": not self._allow_downloads, "trust_remote_code": False}

    def _version(self) -> str:
        """What the weights are: the hub's commit, or the digest of the folder's files."""
        commit = getattr(self._config, "_commit_hash", None)
        if commit and not self._local:
            return str(commit)[:12]
        whole = hashlib.sha256()
        for path in sorted(Path(self._source).iterdir()):
            if path.suffix in _WEIGHTS_AND_SETTINGS:
                with path.open("rb") as file:
                    whole.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()[:12]

    def _missing(self, error: Exception) -> NoReturn:
        """Say why a checkpoint cannot be opened, without the paths that transformers puts in."""
        if self._local:
            said = _first_line(error).replace(self._source, self._name)
            raise UsageError(f"{self._name} is no folder that transformers can open ({said}): save it again") from error
        if self._allow_downloads:
            raise Unavailable(f"{self._name} cannot be downloaded ({_first_line(error)}): check name and network")
        raise UsageError(
            f"{self._name} is neither a folder nor in the local cache of the hub, and nothing is downloaded unasked: "
            "give --allow-downloads (in Python: allow_downloads=True), or name a folder"
        ) from error

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
            phrase in str(error).lower() for phrase in _NO_MEMORY
        ):
            raise ProviderError(
                f"{self._name} ran out of memory on {self._device}: send fewer or smaller images, use dtype bfloat16, "
                "or a smaller model"
            ) from error
        raise ProviderError(f"{self._name} failed ({type(error).__name__}: {_first_line(error)})") from error


@contextmanager
def _progress_bars(shown: bool) -> Generator[None]:
    """Whether transformers draws its own: worth it for a download, else only in the way of ours."""
    bars: Any = transformers.logging
    hide = bars.is_progress_bar_enabled() and not shown
    if hide:
        bars.disable_progress_bar()
    try:
        yield
    finally:
        if hide:
            bars.enable_progress_bar()


def _folder(model: str) -> Path:
    try:
        return Path(model).expanduser()
    except RuntimeError:  # the home of nobody
        return Path(model)


def _device(wanted: str | None) -> torch.device:
    if wanted is None:
        has_mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"expected a device of this machine (cpu, cuda, mps), got {wanted!r}") from error
    return device


def _dtype(wanted: str | None, device: torch.device) -> torch.dtype:
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if wanted is None:
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if wanted not in known:
        raise UsageError(f"expected a dtype of {', '.join(known)}, got {wanted!r}")
    return known[wanted]


def _ends(*ids: int | list[int] | None) -> list[int]:
    """The ids of the tokens that end an answer; a checkpoint may name none, one or several."""
    return sorted({one for some in ids for one in (some if isinstance(some, list) else [some]) if one is not None})


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 300 else line[:299] + "…"


def _seed(question: Question) -> int | None:
    """A seed of its own for every question, made of the one that was given, of what is shown and of the sample.

    With the same draws for all questions, a model whose words hardly depend on the images words all answers alike.
    """
    if question.sampling.seed is None:
        return None
    parts = [part for turn in question.conversation.turns for part in turn.parts]
    read = [part for part in parts if isinstance(part, Text | Image)]
    shown = [part.picture.sha256 if isinstance(part, Image) else part.text for part in read]
    return int(digest_of([question.sampling.seed, *shown])[:12], 16) + question.sample
