"""What the tests of the front door share: scripts of a rater, and what it was asked."""

from typing import Any

from pictures import picture, png
from scripted import Script, ScriptedModel, answer

from autorater import AutoRater
from autorater.messages import Text
from autorater.model import Question
from autorater.retrying import Retries

PROMPT = "a red fox in snow"
A, B, C, D = (png(number) for number in range(4))
HASH = {letter: picture(number).sha256 for number, letter in enumerate("abcd")}


def rater(script: Script = answer, **options: Any) -> AutoRater:
    """A judge that answers by `script`, with quick retries and neither specialists nor a cache."""
    told: dict[str, Any] = {
        "tools": "none",
        "cache": False,
        "retries": Retries(attempts=3, first_wait=0, longest_wait=0),
        **options,
    }
    return AutoRater(ScriptedModel(script), **told)


def questions(judge: AutoRater) -> list[Question]:
    """What the scripted model of a judge was asked."""
    model = judge.loop.model
    assert isinstance(model, ScriptedModel)
    return model.asked


def said_to(question: Question) -> str:
    """All text of a question, system text first."""
    parts = [part.text for turn in question.conversation.turns for part in turn.parts if isinstance(part, Text)]
    return "\n".join([question.conversation.system, *parts])


def likes(*hashes: str) -> Script:
    """Prefers the picture that stands earlier in `hashes`, wherever it is shown; pictures not in it are tied."""

    def script(question: Question) -> str:
        if question.schema_name != "comparison":
            return answer(question)
        first, second = (picture.sha256 for picture in question.conversation.pictures()[-2:])
        ranks = [hashes.index(item) if item in hashes else len(hashes) for item in (first, second)]
        told = "tie" if ranks[0] == ranks[1] else "image_1" if ranks[0] < ranks[1] else "image_2"
        return answer(question, preference=told, rationale=f"Image 1 is at {ranks[0]}, Image 2 at {ranks[1]}.")

    return script


def always(**last: Any) -> Script:
    return lambda question: answer(question, **last)


def by(letters: str) -> tuple[str, ...]:
    return tuple(HASH[letter] for letter in letters)
