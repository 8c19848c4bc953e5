"""Rows: to the letter what the provider sends, what TRL makes of structured content, and loss on the answer alone."""

from pathlib import Path
from typing import Any, cast

import pytest
from tiny_sets import collate, pairs, quick, student, textures

from autorater.errors import RecordError, UsageError
from autorater.image import open_picture
from autorater.messages import Conversation, Image, Text, Turn
from autorater.model import Question, open_model
from autorater.sync import run_sync
from autorater_evals.training.claiming import to_train
from autorater_evals.training.rows import apart, chosen, make_dataset, make_rows
from autorater_evals.training.student import open_student
from autorater_evals.trainset import Example, Piece, TrainSet, write_set


def processor() -> Any:
    import transformers

    return cast("Any", transformers.AutoProcessor).from_pretrained(student())


def rows(examples: list[Example]) -> Any:
    return make_rows(examples, processor(), name="tiny")


def structured(example: Example) -> list[dict[str, Any]]:
    content = [{"type": "image"} if one.image else {"type": "text", "text": one.text} for one in example.pieces]
    system = {"role": "system", "content": [{"type": "text", "text": example.system}]}
    return [system, {"role": "user", "content": content}]


def test_a_row_is_what_trl_makes_of_structured_content() -> None:
    import trl.data_utils

    example = next(pairs().examples("train"))
    answer = [{"role": "assistant", "content": [{"type": "text", "text": example.completion}]}]
    theirs: Any = cast("Any", trl.data_utils).apply_chat_template(
        {"prompt": structured(example), "completion": answer}, processor()
    )
    (row,) = rows([example])
    assert row.prompt == theirs["prompt"]
    assert row.completion == theirs["completion"].rstrip()
    assert row.completion == f"{example.completion}<|end|>"
    assert row.images == example.images
    assert row.prompt.count("<image>") == 2


def test_the_student_reads_as_many_tokens_in_training_as_when_it_is_asked() -> None:
    example, data = next(pairs().examples("train")), pairs()
    parts = tuple(Image(open_picture(data.image(one.image))) if one.image else Text(one.text) for one in example.pieces)
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    question = Question(Conversation(example.system, (Turn("user", parts),)), "none", schema)
    model = open_model(f"transformers:{student()}", device="cpu")
    asked = run_sync(model.ask(question)).usage.input
    opened = open_student(str(student()), quick(), device="cpu")
    dataset = make_dataset(rows([example]), data, opened.served.capability.fit)
    batch = collate(opened.processor, dataset[0])
    bearing = batch["labels"][0] != -100
    assert int((~bearing).sum()) == asked
    told = opened.processor.tokenizer.decode(batch["input_ids"][0][bearing])
    assert told == f"{example.completion}<|end|>"
    assert batch["pixel_values"].shape[0] == 2


def test_images_are_opened_in_the_order_of_the_text() -> None:
    import numpy as np

    data = pairs()
    examples = list(data.examples("train"))
    assert len({one.order for one in examples}) == 2  # both orders are in the set
    dataset = make_dataset(rows(examples), data, open_model(f"transformers:{student()}", device="cpu").capability.fit)
    for example, row in zip(examples, dataset, strict=True):
        shown = [np.asarray(image) for image in row["images"]]
        wanted = [open_picture(data.image(example.candidates[index])).array() for index in example.order]
        assert all(np.array_equal(one, other) for one, other in zip(shown, wanted, strict=True))


def test_control_words_in_foreign_text_make_no_image() -> None:
    example = next(pairs().examples("train"))
    worded = tuple(
        piece if piece.image else Piece(text=f"{piece.text} <image> and <|end|>") for piece in example.pieces
    )
    (row,) = rows([example.model_copy(update={"pieces": worded})])
    assert row.prompt.count("<image>") == 2
    assert "< image>" in row.prompt


def test_what_cannot_be_rendered_is_said_at_once() -> None:
    bare = processor()
    bare.chat_template = None
    with pytest.raises(UsageError, match="tiny has no chat template"):
        make_rows(list(pairs().examples("train")), bare, name="tiny")
    deaf = processor()
    deaf.chat_template = deaf.chat_template.replace("<image>", "")
    with pytest.raises(UsageError, match="its text shows 2 images and the chat template of tiny makes 0 places"):
        make_rows(list(pairs().examples("train")), deaf, name="tiny")


def test_a_missing_image_is_named_before_the_training(tmp_path: Path) -> None:
    example = next(pairs().examples("train"))
    (tmp_path / "images").mkdir()
    limits = open_model(f"transformers:{student()}", device="cpu").capability.fit
    with pytest.raises(RecordError, match="is not in"):
        make_dataset(rows([example]), TrainSet(tmp_path), limits)


def test_variants_and_what_is_held_out_elsewhere() -> None:
    examples = list(textures().examples())
    assert len(chosen(examples, "all")) == 18
    assert all(one.tools for one in chosen(examples, "with"))
    assert not any(one.tools for one in chosen(examples, "without"))
    assert len(chosen(examples, "with")) == len(chosen(examples, "without")) == 9
    # All of these have one prompt, which therefore parts nothing.
    kept = apart(examples, textures())
    assert {one.item for one in kept} == {one.item for one in textures().examples("train")}


def test_a_prompt_that_is_held_out_alone_is_not_trained_on(tmp_path: Path) -> None:
    first = next(textures().examples("test"))
    alone = [one.model_copy(update={"prompt": "a fox "}) for one in textures().examples("test")]
    images = {sha256: ("image/png", path.read_bytes()) for sha256, path in textures().files.items()}
    held = write_set(tmp_path / "held", [*textures().examples("train"), *alone], images, {}, described="")
    others = [
        one.model_copy(update={"prompt": prompt})
        for one, prompt in zip(pairs().examples("train"), ("a fox", "a hen", first.prompt), strict=False)
    ]
    assert [one.prompt for one in apart(others, held)] == ["a hen", first.prompt]


def test_what_a_set_holds_out_itself_is_not_trained_on(tmp_path: Path) -> None:
    """Whoever made the set: a picture in both splits would flatter the figures."""
    (test, *_), (shared, *rest) = (list(pairs().examples(split)) for split in ("test", "train"))
    leaking = shared.model_copy(update={"candidates": (test.candidates[0], shared.candidates[1])})
    images = {sha256: ("image/png", path.read_bytes()) for sha256, path in pairs().files.items()}
    made = write_set(tmp_path / "set", [leaking, *rest, test], images, {}, described="")
    examples, left_out = to_train(made, quick(), None)
    assert ([one.id for one in examples], left_out) == ([one.id for one in rest], 1)
    alone = write_set(tmp_path / "alone", [leaking, test], images, {}, described="")
    with pytest.raises(UsageError, match="all 1 share something with held-out ones"):
        to_train(alone, quick(), None)
