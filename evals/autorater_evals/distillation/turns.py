"""In which order a pair is shown: seeded by the item, and so that the better image stands first in half of them."""

from collections.abc import Mapping, Sequence

from autorater.canonical import digest
from autorater_evals.distillation.plan import Subject

Order = tuple[int, ...]


def turns(
    subjects: Mapping[str, tuple[Subject, Sequence[str]]], *, seed: int, parts: Mapping[str, str] | None = None
) -> dict[str, Order]:
    """Item → order. `subjects` are item → (subject, the groups in which the better image must be first half the time).

    Items come in an order drawn by the seed, one part after the other; each is turned so that the groups' counts stay
    even, which makes them even within each part too. Ties and single images count for nothing; ties are turned by the
    seed alone.
    """
    told = parts or {}
    lead: dict[str, int] = {}
    chosen: dict[str, Order] = {}
    for item in sorted(subjects, key=lambda name: (told.get(name, ""), digest(f"{seed}/order/{name}".encode()))):
        subject, groups = subjects[item]
        if subject.task != "compare":
            chosen[item] = (0,)
            continue
        chance = int(digest(f"{seed}/turn/{item}".encode())[:8], 16) % 2
        if subject.label.preferred in (None, "tie"):
            chosen[item] = (1, 0) if chance else (0, 1)
            continue
        balance = sum(lead.get(group, 0) for group in groups)
        first = balance < 0 if balance else bool(chance)  # whether the better image is shown first
        for group in groups:
            lead[group] = lead.get(group, 0) + (1 if first else -1)
        better = "ab".index(str(subject.label.preferred))
        chosen[item] = (better, 1 - better) if first else (1 - better, better)
    return chosen
