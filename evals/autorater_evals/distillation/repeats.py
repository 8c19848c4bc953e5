"""Which items say again what an earlier one says."""

from collections.abc import Mapping, Sequence

from autorater.canonical import digest_of
from autorater_evals.distillation.pictures import first_of
from autorater_evals.distillation.plan import Subject
from autorater_evals.distillation.prompts import prompt_digest


def repeats(subjects: Sequence[Subject], firsts: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(item → an earlier equal one, item → an earlier one that only looks the same), by prompt, images and questions.

    `firsts` are pictures that look the same; what is equal to the byte is in the first mapping alone.
    """
    equal: dict[str, str] = {}
    alike: dict[str, str] = {}
    by_bytes: dict[str, str] = {}
    by_look: dict[str, tuple[str, str]] = {}
    for subject in subjects:
        exact, look = _key(subject, {}), _key(subject, firsts)
        earlier = by_bytes.setdefault(exact, subject.item)
        if earlier != subject.item:
            equal[subject.item] = earlier
        first, its_bytes = by_look.setdefault(look, (subject.item, exact))
        if first != subject.item and its_bytes != exact:
            alike[subject.item] = first
    return equal, alike


def _key(subject: Subject, firsts: Mapping[str, str]) -> str:
    return digest_of(
        {
            "task": subject.task,
            "prompt": prompt_digest(subject.prompt),
            "candidates": sorted(first_of(one.sha256, firsts) for one in subject.candidates),
            "sources": [first_of(one.sha256, firsts) for one in subject.sources],
            "questions": subject.questions.model_dump(mode="json") if subject.questions else None,
        }
    )
