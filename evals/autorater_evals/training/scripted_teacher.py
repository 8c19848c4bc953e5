"""A teacher that is no model: it repeats people's label in drawn words. Its name begins with "scripted:" everywhere.

It shows that the chain from labels to a student works, on real pictures too; it says nothing about these pictures.
"""

import json
import random
import re
from typing import Any

from autorater.canonical import digest
from autorater.image import Fit
from autorater.messages import Text
from autorater.model import Capability, Question, Reply, Usage
from autorater_evals.training.teaching import SLOTS

NAME = "scripted:label-in-drawn-words"
_LABEL = re.compile(r"<<<label \w+\n(.*?)\nlabel ", re.DOTALL)
_LEVELS = ("poor", "weak", "fair", "good", "fine")
"""Of two scores each, from 1 and 2 on: a number in a rationale would tell more than people's rounded one."""
_READ = re.compile(r"All in all (Image [12]|tie|poor|weak|fair|good|fine)\.")


class ScriptedTeacher:
    """Believes the label it is told; without one it guesses; rereads its own last sentence."""

    name = NAME
    capability = Capability(fit=Fit())

    async def ask(self, question: Question) -> Reply:
        """A valid answer to a question of the E-step, for a pair or an image without questions."""
        parts = [part.text for turn in question.conversation.turns for part in turn.parts if isinstance(part, Text)]
        told = _reread("\n".join(parts)) if question.schema_name == "rederivation" else _judged(question, parts[-1])
        return Reply(text=json.dumps(told), finish="stop", usage=Usage(), served_by=NAME)


def _reread(text: str) -> dict[str, Any]:
    [said] = _READ.findall(text)
    if said in _LEVELS:
        return {"score": 2 + 2 * _LEVELS.index(said)}
    return {"preference": said.lower().replace(" ", "_")}


def _judged(question: Question, last: str) -> dict[str, Any]:
    names = [picture.sha256 for picture in question.conversation.pictures()]
    found = _LABEL.search(last)
    label = found[1] if found else ""
    # Drawn by the images and by whether there is a label: the words themselves never tell which.
    chance = random.Random(digest(f"{names}{question.sample}{bool(label)}".encode()))
    words = " ".join(chance.choice(slot) for slot in SLOTS)
    if "preference" in question.schema["properties"]:
        place = re.search(r"Image (\d) is", label)
        said = f"image_{place[1]}" if place else "tie" if label else f"image_{chance.choice((1, 2))}"
        return {"rationale": f"{words}. All in all {said.replace('image_', 'Image ')}.", "preference": said}
    number = re.search(r"is ([\d.]+) of", label)
    score = round(float(number[1])) if number else chance.randint(1, 10)
    return {"rationale": f"{words}. All in all {_LEVELS[(score - 1) // 2]}.", "score": score}
