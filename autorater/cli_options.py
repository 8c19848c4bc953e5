"""The options that all judging commands share, said once."""

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from autorater.errors import UsageError

IN_FLIGHT = "Items at the same time (default: 8; 300 with --batch-api)."


@dataclass
class JudgeOptions:
    """Who judges, and how."""

    model: Annotated[str, typer.Option(help="provider:model, or 'embedded' (no VLM).", envvar="AUTORATER_MODEL")] = (
        "embedded"
    )
    tools: Annotated[
        str,
        typer.Option(
            help="Specialists: auto (the VLM chooses), agent (the VLM calls them), all, none, or names, a,b,c."
        ),
    ] = "auto"
    tool_option: Annotated[
        list[str] | None,
        typer.Option(help="SPECIALIST.OPTION=VALUE, as in dreamsim.variant=dino_vitb16; repeatable."),
    ] = None
    agent_limits: Annotated[
        str | None, typer.Option(help="Of --tools agent: steps=6,calls=12,cost=0.05,seconds=120 (cost in US dollars).")
    ] = None
    order: Annotated[str | None, typer.Option(help="Order of a pair: both (default), random or given.")] = None
    samples: Annotated[int, typer.Option(min=1, help="Answers per order.")] = 1
    protocol: Annotated[str, typer.Option(help="autorater, or autorater-paper (paper 001).")] = "autorater"
    criterion: Annotated[str, typer.Option(help="What decides without a VLM: overall, a dimension, or a reading.")] = (
        "overall"
    )
    checklist: Annotated[Path | None, typer.Option(help="A checklist of your own (Markdown, see prompts/).")] = None
    scorer: Annotated[str | None, typer.Option(help="A Decisions model for calibrated probabilities.")] = None
    temperature: Annotated[float | None, typer.Option(help="Default: 0 where the model takes one.")] = None
    seed: Annotated[int | None, typer.Option(help="Where the model takes one.")] = None
    effort: Annotated[str | None, typer.Option(help="Reasoning effort, by the provider's own word.")] = None
    max_output_tokens: Annotated[int, typer.Option(min=1, help="Tokens per answer, reasoning included.")] = 4096
    base_url: Annotated[str | None, typer.Option(help="Another address of the provider.")] = None
    timeout: Annotated[float | None, typer.Option(help="Seconds for one call.")] = None
    allow_downloads: Annotated[bool, typer.Option(help="Let transformers:ID download the model.")] = False
    native_tools: Annotated[
        bool, typer.Option(help="The server of a compatible: model takes tools natively (for --tools agent).")
    ] = False
    attempts: Annotated[int, typer.Option(min=1, help="How often one call is tried before it is given up.")] = 6
    max_cost: Annotated[float | None, typer.Option(help="Stop at this many US dollars; resumable.")] = None
    price: Annotated[str | None, typer.Option(help="INPUT,OUTPUT in US dollars per million tokens.")] = None
    batch_api: Annotated[
        bool, typer.Option(help="Ask by the provider's batch API: half the price, answers within a day; needs a log.")
    ] = False
    batch_wait: Annotated[
        float, typer.Option(min=0.0, help="Of --batch-api: a batch is sent when no question came for so many seconds.")
    ] = 30.0
    log: Annotated[Path | None, typer.Option(help="Record the run in this folder, and resume it.")] = None
    device: Annotated[str, typer.Option(help="Where specialists run: cpu, cuda, mps.")] = "cpu"
    place: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=worker, NAME=worker:PYTHON or NAME=http://HOST:PORT: where a specialist runs; repeatable."
        ),
    ] = None
    commercial: Annotated[bool, typer.Option(help="Refuse specialists whose licence forbids commercial use.")] = False
    allow_urls: Annotated[bool, typer.Option(help="Let images be http(s) URLs.")] = False
    cache: Annotated[bool, typer.Option(help="Remember what specialists said of an image.")] = True

    def open(self) -> Any:
        """The AutoRater of these options. Raises UsageError and MissingExtraError."""
        from autorater.autorater import AutoRater
        from autorater.retrying import Retries
        from autorater.settings import read_limits

        # Their values are checked by AutoRater, which says what it expected.
        checked: dict[str, Any] = {"order": self.order, "protocol": self.protocol}
        provider: dict[str, Any] = {
            "base_url": self.base_url,
            "timeout": self.timeout,
            "allow_downloads": self.allow_downloads or None,
            "native_tools": self.native_tools or None,
        }
        return AutoRater(
            self.model,
            tools=self.tools,
            tool_options=read_tool_options(self.tool_option),
            agent_limits=read_limits(self.agent_limits) if self.agent_limits else None,
            samples=self.samples,
            criterion=self.criterion,
            checklist=self.checklist,
            scorer=self.scorer,
            sampling=self._sampling(),
            log=self.log,
            max_cost=self.max_cost,
            price=read_price(self.price),
            retries=Retries(attempts=self.attempts),
            cache=self.cache,
            device=self.device,
            places=read_places(self.place),
            commercial=self.commercial,
            allow_urls=self.allow_urls,
            batch_api=self._mailing(),
            **checked,
            **{name: value for name, value in provider.items() if value is not None},
        )

    def _mailing(self) -> Any:
        """How to send batches, told on stderr as it happens; False when they were not asked for."""
        if not self.batch_api:
            return False
        from autorater.mailing import Mailing

        return Mailing(wait=self.batch_wait, say=lambda words: typer.echo(f"autorater: {words}", err=True))

    def _sampling(self) -> Any:
        """What was said of sampling, or None when nothing was."""
        from autorater.model import Sampling

        if (self.temperature, self.seed, self.effort, self.max_output_tokens) == (None, None, None, 4096):
            return None
        if self.temperature is not None and not 0 <= self.temperature <= 10:  # so written that NaN fails too
            raise UsageError(f"--temperature is a number from 0 up, as in 0.7; got {self.temperature}")
        return Sampling(
            temperature=self.temperature,
            seed=self.seed,
            effort=self.effort,
            max_output_tokens=self.max_output_tokens,
        )


def check_target(path: Path | None, option: str) -> None:
    """Raise UsageError when a file cannot be written at `path`: better before the work than after it."""
    if path is None:
        return
    folder = path.parent
    if path.is_dir() or not folder.is_dir():
        missing = "is a folder" if path.is_dir() else f"is in the folder {str(folder)!r}, which does not exist"
        raise UsageError(f"{option} names a file to write, but {str(path)!r} {missing}: choose another")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(f"{option}: {str(path)!r} cannot be written: check its rights, or choose another")


def read_price(text: str | None) -> Any:
    """A price from "INPUT,OUTPUT". Raises UsageError when it is not two numbers."""
    if text is None:
        return None
    from decimal import Decimal, InvalidOperation

    from autorater.prices import Price

    try:
        given, told = (Decimal(part.strip()) for part in text.split(","))
        if not (0 <= given < 10**6 and 0 <= told < 10**6):
            raise ValueError("a price is neither negative nor without bound")
    except (InvalidOperation, ValueError):
        raise UsageError(f"--price is INPUT,OUTPUT in US dollars per million tokens, as in 1,5; got {text!r}") from None
    return Price(input_per_million=given, output_per_million=told)


def read_places(given: Sequence[str] | None) -> dict[str, str]:
    """NAME=PLACE words as a mapping. Raises UsageError when one is not of that form."""
    read: dict[str, str] = {}
    for word in given or ():
        name, sign, place = word.partition("=")
        if not (name and sign and place):
            raise UsageError(f"--place: expected NAME=PLACE, as in sharpness=worker; got {word!r}")
        read[name.strip()] = place.strip()
    return read


def read_tool_options(given: Sequence[str] | None) -> dict[str, dict[str, object]]:
    """SPECIALIST.OPTION=VALUE words as a mapping. Raises UsageError when one is not of that form."""
    read: dict[str, dict[str, object]] = {}
    for word in given or ():
        key, sign, value = word.partition("=")
        name, dot, option = key.strip().partition(".")
        if not (name and dot and option and sign):
            raise UsageError(f"--tool-option: expected SPECIALIST.OPTION=VALUE, as in dreamsim.variant=x; got {word!r}")
        read.setdefault(name, {})[option] = value.strip()
    return read


def with_judge_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every field of `JudgeOptions` as an option; it receives them as `options`."""
    hints = get_type_hints(JudgeOptions, include_extras=True)
    own = get_type_hints(command, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(JudgeOptions)
    ]
    names = {field.name for field in fields(JudgeOptions)}
    kept = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=own[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.name != "options"
    ]

    def wrapped(**given: Any) -> None:
        options = JudgeOptions(**{name: value for name, value in given.items() if name in names})
        command(options=options, **{name: value for name, value in given.items() if name not in names})

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__signature__ = inspect.Signature([*kept, *shared])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in (*kept, *shared)}
    return wrapped
