"""What another call changes on the distillation that its folder holds, in the words of the command's options."""

from collections.abc import Iterator, Sequence

from autorater.errors import RecordError
from autorater_evals.distillation.plan import Header, Subject


def changes(before: Header, now: Header) -> list[str]:
    """Every option that differs, as in "--holdout 0.1,0.1, now 0,0.34"."""
    old, new = _options(before), _options(now)
    if not before.parts:  # of a log that did not keep them
        new["--part"] = old["--part"]
    return [_changed(name, old[name], new[name]) for name in old if old[name] != new[name]]


def refuse_other_labels(
    before: Header, now: Header, subjects_before: Sequence[Subject], subjects: Sequence[Subject]
) -> None:
    """Raise RecordError where --scale or --dimension would tell the teacher other labels than the log was made with."""
    known = {one.item: one for one in subjects_before if not one.problem}
    both = [(known[one.item], one) for one in subjects if not one.problem and one.item in known]
    told = list[str]()
    if before.dimension != now.dimension and any(old.dimension != new.dimension for old, new in both):
        told.append(_changed("--dimension", before.dimension, now.dimension))
    if before.scale != now.scale and any(old.label.score != new.label.score for old, new in both):
        told.append(_changed("--scale", _two(before.scale), _two(now.scale)))
    if told:
        raise RecordError(f"the set was made {'; '.join(told)}: choose another --out")


def _options(header: Header) -> dict[str, str]:
    """Option → its value, "" where it was not given or is off."""
    plan = header.plan
    return {
        "--part": ",".join(header.parts),
        "--limit": "" if header.origin.limit is None else f"{header.origin.limit}",
        "--research": _switch(header.origin.research),
        "--variants": ",".join(plan.variants),
        "--tries": f"{plan.tries}",
        "--free": f"{plan.free}",
        "--step": f"{plan.step:g}",
        "--tie-gap": f"{plan.tie_gap:g}",
        "--holdout": _two(plan.holdout),
        "--split-seed": f"{plan.seed}",
        "--without": ",".join(sorted(plan.without)),
        "--allow-leakage": _switch(plan.allow_leakage),
        "--against": ",".join(_against(header)),
    }


def _against(header: Header) -> Iterator[str]:
    for one in header.against:
        yield f"{one.benchmark} ({len(one.prompts):,} prompts, {len(one.images):,} images)"


def _switch(on: bool) -> str:
    return "given" if on else ""


def _two(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:g},{ends[1]:g}"


def _changed(option: str, old: str, new: str) -> str:
    if not old:
        return f"without {option}, now {'with it' if new == 'given' else new}"
    return f"with {option}{'' if old == 'given' else f' {old}'}, now {new or 'without'}"
