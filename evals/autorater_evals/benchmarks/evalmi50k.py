"""EvalMi-50K: mean opinions of perception and correspondence, and one yes/no question of the prompt's task."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from autorater.checklist import Checklist
from autorater.checklist import Item as Question
from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import csv_rows, find, need, number, place, rows
from autorater_evals.item import Item, Opinion

COLUMNS = ("ImageName", "MOS1", "MOS2", "Y/N")
QUESTIONS = {
    "single_class": "Does the image show the object that the prompt names?",
    "two_class": "Does the image show both objects that the prompt names?",
    "counting": "Does the image show exactly as many objects as the prompt asks for?",
    "colors": "Does the object have the color that the prompt asks for?",
    "position": "Do the objects stand to each other as the prompt says?",
    "shapes": "Does the object have the shape that the prompt asks for?",
    "texture": "Does the object have the texture or material that the prompt asks for?",
    "scene": "Does the image show the scene that the prompt asks for?",
    "style": "Is the image in the style that the prompt asks for?",
    "OCR": "Does the image show the words of the prompt, spelled rightly and readably?",
    "HOI": "Do people do with the object what the prompt says?",
    "human": "Does the person look as the prompt describes?",
    "emotion": "Does the image show the emotion that the prompt asks for?",
    "Linguistic Structures": "Does the image respect what the prompt says is absent or denied?",
    "view": "Is the image seen from the view that the prompt asks for?",
    "World Knowledge": "Does the image show the place or thing of the real world that the prompt names?",
    "face": "Does the face look as the prompt describes?",
    "imagination": "Does the image show the imagined scene that the prompt describes?",
    "time and light": "Does the image show the time of day and the light that the prompt describes?",
    "complex": "Does the image meet everything that the prompt asks for?",
}
"""Task → its question, in words of our own (see the card)."""
FOLDS = 5


def load(folder: Path) -> Iterator[Item]:
    """Two items an image, in the order of the table: its opinions, and its question."""
    prompts = _prompts(find(folder, "prompt_tasks.jsonl", "evalmi50k_prompts.jsonl", "evalmi50k_prompts.jsonl.gz"))
    path = find(folder, "AIGI2025_MOS_yn.csv", "evalmi50k_mos.csv", "evalmi50k_mos.csv.gz")
    for line, row in csv_rows(path, needs=COLUMNS):
        name = row["ImageName"]
        generator, _, file = name.partition("/")
        place_in_list = file.partition(".")[0]
        if not place_in_list.isdecimal() or not 1 <= int(place_in_list) <= len(prompts):
            raise UsageError(
                f"{place(path, line)}: expected an image like Janus/0001.png, numbered 1 to {len(prompts)} "
                f"as the prompts are, got {name[:40]!r}: check that both files are whole"
            )
        prompt, task, facets = prompts[int(place_in_list) - 1]
        answer = row["Y/N"]
        if answer not in ("0", "1"):
            raise UsageError(f"{place(path, line)}: expected Y/N to be 0 or 1, got {answer[:40]!r}")
        shared: dict[str, Any] = {
            "prompt": prompt,
            "images": (name,),
            "cluster": prompt,
            "generators": (generator,),
            "facets": facets,
        }
        yield Item(
            id=f"points/{name}",
            part="points",
            opinions={
                "perception": Opinion(mean=number(row["MOS1"], path=path, line=line, name="MOS1")),
                "correspondence": Opinion(mean=number(row["MOS2"], path=path, line=line, name="MOS2")),
            },
            **shared,
        )
        yield Item(
            id=f"questions/{name}",
            part="questions",
            questions=_LISTS[task],
            answers={"task": "yes" if answer == "1" else "no"},
            **shared,
        )


def fold_of(prompt: str) -> int:
    """Which of five folds a prompt is in, 1 to 5: by its text alone, so that no other prompt moves it."""
    return int.from_bytes(sha256(" ".join(prompt.split()).encode()).digest()[:8]) % FOLDS + 1


def task_of(tag: str) -> str:
    """The task of a tag. Tags that name several, and color_attr, are "complex"; "+ detail" makes no task."""
    names = [name for name in tag.split(" + ") if name not in ("detail", "details")]
    return "complex" if len(names) > 1 or names == ["color_attr"] else "".join(names)


_LISTS = {
    task: Checklist(name=f"evalmi50k {task}", items=(Question(id="task", text=text),))
    for task, text in QUESTIONS.items()
}


def _prompts(path: Path) -> list[tuple[str, str, dict[str, str]]]:
    """Prompt, task and facets, in the order by which the images are numbered."""
    found: list[tuple[str, str, dict[str, str]]] = []
    for line, row in rows(path):
        prompt = need(row, "prompt", str, path=path, line=line)
        tag = need(row, "tag", str, path=path, line=line)
        task = task_of(tag)
        if task not in QUESTIONS:
            raise UsageError(f"{place(path, line)}: expected one of the known tags, got {tag[:40]!r}")
        length = "long" if tag.endswith(("+ detail", "+ details")) else "short"
        found.append((prompt, task, {"task": task, "prompt": length, "fold": str(fold_of(prompt))}))
    return found
