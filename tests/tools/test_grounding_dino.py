"""Grounding DINO on tiny seeded checkpoints: loading, captions, labels, doubles, batches, and both implementations."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tiny_grounding
import torch
from asking import small
from tiny_weights import tiny_weights

from autorater.assessment import Declined, Measured
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import View
from autorater_tools._boxes import Box, corners_within, grown, overlap, without_doubles
from autorater_tools._grounding import Caption, Network, Ported, Preparation, caption_of, sighting
from autorater_tools.grounding_dino import GroundingDino

PROMPT = "a red cat, two dogs and a carpet of birds"


@pytest.fixture(scope="module")
def folder() -> Path:
    return tiny_weights("grounding_dino")


@pytest.fixture(scope="module")
def detector(folder: Path) -> GroundingDino:
    return GroundingDino(weights=folder)


def test_a_caption_knows_the_tokens_of_each_phrase(detector: GroundingDino) -> None:
    tokenizer = detector.network.tokenizer
    caption = caption_of(["red cat", "dogs", "carpet"], tokenizer)
    assert caption.text == "red cat . dogs . carpet ."
    assert list(caption.tokens) == tokenizer(caption.text)["input_ids"]
    words = [tokenizer.convert_ids_to_tokens(list(caption.tokens[start:end])) for start, end in caption.spans]
    assert words == [["red", "cat"], ["dog", "##s"], ["car", "##pet"]]


def test_phrases_beyond_the_limit_are_named(detector: GroundingDino, folder: Path) -> None:
    many = [*["cat"] * 127, "dog", "a red apple"]
    caption = caption_of(many, detector.network.tokenizer)
    assert len(caption.tokens) == 256
    assert caption.cut == ("dog", "a red apple")
    prompt = ". ".join(f"{'red ' * number}cat" for number in range(1, 40))
    (outcome,) = GroundingDino(weights=folder, phrases="listed")([View(image=small("coffee"), prompt=prompt)])
    assert isinstance(outcome, Measured)
    assert "Not looked for, because the caption is full: red red" in outcome.text


def test_a_box_gets_the_one_phrase_whose_tokens_are_surest() -> None:
    # tokens: [CLS] red cat . dog ##s . [SEP]
    caption = Caption(("red cat", "dogs"), (), (101, 1, 2, 1012, 3, 4, 1012, 102), ((1, 3), (4, 6)))
    chances = torch.tensor(
        [
            [0.0, 0.2, 0.6, 0.9, 0.3, 0.1, 0.0, 0.0],  # cat by its second word; the full stop does not count
            [0.0, 0.5, 0.1, 0.0, 0.2, 0.7, 0.0, 0.0],  # dogs
            [0.0, 0.3, 0.1, 0.0, 0.2, 0.1, 0.0, 0.0],  # below the threshold of boxes
            [0.0, 0.2, 0.1, 0.5, 0.1, 0.2, 0.0, 0.0],  # nothing but the full stop: below the threshold of texts
            [0.0, 0.1, 0.5, 0.0, 0.1, 0.1, 0.0, 0.0],  # the first box again
        ]
    )
    logits = torch.full((5, 256), -torch.inf)
    logits[:, :8] = torch.logit(chances)
    boxes = torch.tensor([[0.5, 0.5, 0.4, 0.2], [0.2, 0.2, 0.5, 0.2], *[[0.5, 0.5, 0.4, 0.21]] * 3])
    sight = sighting(logits, boxes, caption, box=0.35, text=0.25)
    assert [(box.label, box.score) for box in sight.boxes] == [("dogs", 0.7), ("red cat", 0.6)]
    assert sight.boxes[0].corners == (0.0, 0.1, 0.45, 0.3)
    assert sight.boxes[1].corners == (0.3, 0.4, 0.7, 0.6)
    assert sight.best == {"red cat": 0.6, "dogs": 0.7}


def test_doubles_are_dropped_within_a_label_only() -> None:
    one, near, far = (0.1, 0.1, 0.5, 0.5), (0.1, 0.1, 0.5, 0.55), (0.6, 0.6, 0.9, 0.9)
    boxes = [Box("cat", 0.5, near), Box("cat", 0.9, one), Box("dog", 0.4, near), Box("cat", 0.3, far)]
    kept = without_doubles(boxes, limit=0.7)
    assert [(box.label, box.score) for box in kept] == [("cat", 0.9), ("dog", 0.4), ("cat", 0.3)]
    assert overlap(one, near) == pytest.approx(0.16 / 0.18)
    assert overlap(one, far) == 0
    assert corners_within(0.8, -1, 0.2, 2) == (0.2, 0, 0.8, 1)
    assert grown((0.4, 0.4, 0.6, 0.6), 0.5) == (0.3, 0.3, 0.7, 0.7)


def test_pictures_are_prepared_as_the_processor_of_the_port_does() -> None:
    from transformers.models.grounding_dino import image_processing_pil_grounding_dino as processing

    processor: Any = processing.GroundingDinoImageProcessorPil()
    for size in [(512, 512), (640, 301), (300, 33), (33, 700)]:
        image = small("astronaut").rgb().resize(size)
        expected = processor(images=image, return_tensors="pt")["pixel_values"][0]
        actual = Preparation()(image)
        assert actual.shape == expected.shape
        assert float((actual - expected).abs().max()) < 0.02  # it rounds the resized pixels, as this does


def test_reads_the_prompt_and_says_what_was_found(detector: GroundingDino) -> None:
    (outcome,) = detector([View(image=small("coffee"), prompt=PROMPT)])
    assert isinstance(outcome, Measured)
    readings = {reading.quantity: reading.value for reading in outcome.readings}
    labels = {region.label for region in outcome.regions}
    assert labels <= {"red cat", "dogs", "carpet", "birds"}
    assert readings["found"] == len(labels) / 4
    assert readings["boxes"] == len(outcome.regions)
    assert 0 <= readings["weakest_score"] <= readings["best_score"] <= 1
    assert all(f"{phrase}: " in outcome.text for phrase in ("red cat", "dogs", "carpet", "birds"))


def test_thresholds_are_used(folder: Path) -> None:
    strict = GroundingDino(weights=folder, box_threshold=1.0)
    (outcome,) = strict([View(image=small("coffee"), prompt=PROMPT)])
    assert isinstance(outcome, Measured)
    assert not outcome.regions
    assert "red cat: not found (at most " in outcome.text


@pytest.mark.parametrize("option", ["box_threshold", "text_threshold"])
def test_a_threshold_that_no_probability_can_have_is_refused(folder: Path, option: str) -> None:
    wrong: dict[str, Any] = {option: 1.5}
    with pytest.raises(SpecialistError, match=rf"grounding_dino\.{option}: expected 0 to 1, got 1\.5"):
        GroundingDino(weights=folder, **wrong)


def test_a_batch_of_any_mixture_says_the_same_as_one_by_one(detector: GroundingDino) -> None:
    wide = open_picture(small("astronaut").rgb().resize((300, 200)))
    views = [
        View(image=small("coffee"), prompt=PROMPT),
        View(image=wide, prompt="a dog"),
        View(image=small("chelsea"), prompt="a table"),
        View(image=small("chelsea"), prompt="make it brighter"),
        View(image=small("coffee"), prompt="apples"),
    ]
    together = detector(views)
    assert together == [detector([view])[0] for view in views]
    assert [outcome.kind for outcome in together] == ["measured"] * 3 + ["declined", "measured"]
    assert isinstance(together[3], Declined)
    assert "names nothing" in together[3].reason


@pytest.mark.parametrize("rule", ["whole", "listed"])
def test_other_rules_of_phrases(folder: Path, rule: str) -> None:
    (outcome,) = GroundingDino(weights=folder, phrases=rule)([View(image=small("coffee"), prompt="A red cat. Dogs")])
    assert isinstance(outcome, Measured)
    assert ("red cat dogs: " in outcome.text) == (rule == "whole")


def test_mm_grounding_dino_loads_by_the_same_door(tmp_path: Path) -> None:
    tiny_grounding.checkpoint(tmp_path / "llmdet_tiny", mm=True)
    (outcome,) = GroundingDino(weights=tmp_path, variant="llmdet_tiny")([View(image=small("coffee"), prompt="a dog")])
    assert isinstance(outcome, Measured)


def test_a_prompt_is_needed(detector: GroundingDino) -> None:
    with pytest.raises(SpecialistError, match="a prompt is needed"):
        detector([View(image=small("coffee"))])


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"])
def test_a_damaged_checkpoint_says_what_to_do(folder: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    damaged = tmp_path / "copy" / "grounding-dino-tiny" / file
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(SpecialistError, match="fetch it again with `autorater tools pull"):
        GroundingDino(weights=tmp_path / "copy")


def test_a_checkpoint_that_lacks_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

    shutil.copytree(folder, tmp_path / "copy")
    file = tmp_path / "copy" / "grounding-dino-tiny" / "model.safetensors"
    state = load_file(file)
    del state["model.text_projection.weight"]
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(SpecialistError, match=r"lacks 1 weights \(model.text_projection.weight"):
        GroundingDino(weights=tmp_path / "copy")


def test_no_weights_at_all() -> None:
    with pytest.raises(SpecialistError, match="run `autorater tools pull grounding_dino`"):
        GroundingDino()


needs_original = pytest.mark.skipif(find_spec("groundingdino") is None, reason="groundingdino-py is not installed")


@needs_original
def test_both_implementations_agree_on_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from autorater_tools._grounding_original import Original, packaged_config

    made = tiny_grounding.model(small=False)
    made.save_pretrained(str(tmp_path / "port"))
    tiny_grounding.tokenizer_folder(tmp_path / "port")
    shutil.copy(tiny_weights("grounding_dino") / "grounding-dino-tiny" / "preprocessor_config.json", tmp_path / "port")
    files = tiny_grounding.original_files(tmp_path, made, packaged_config("tiny"))
    original = Original(**files, device="cpu")
    networks: list[Network] = [Ported(tmp_path / "port", device="cpu"), original]
    assert "text_encoder_type" not in capsys.readouterr().out  # what the package prints while it is built
    outputs: list[object] = []

    def look(*_: object) -> None:
        outputs.append(sys.stdout)

    original.model.register_forward_pre_hook(look)
    captions = [caption_of(phrases, networks[0].tokenizer) for phrases in (["red cat", "dogs", "carpet"], ["table"])]
    pixels = torch.stack([networks[0].preparation(small(name).rgb()) for name in ("coffee", "astronaut")])
    (logits, boxes), (other_logits, other_boxes) = (network(pixels, captions) for network in networks)
    assert outputs == [sys.stdout] * 2  # it belongs to the whole process, other threads included
    for row, caption in enumerate(captions):
        length = len(caption.tokens)
        difference = logits[row, :, :length].sigmoid() - other_logits[row, :, :length].sigmoid()
        assert float(difference.abs().max()) < 1e-3
        assert float((boxes[row] - other_boxes[row]).abs().max()) < 1e-3
        ours, theirs = (
            sighting(some[row], places[row], caption, box=0.35, text=0.25)
            for some, places in ((logits, boxes), (other_logits, other_boxes))
        )
        assert len(ours.boxes) == len(theirs.boxes) > 0
        assert [box.label for box in ours.boxes] == [box.label for box in theirs.boxes]


@needs_original
def test_the_original_code_refuses_what_it_cannot_load(tmp_path: Path) -> None:
    with pytest.raises(SpecialistError, match="has the variants tiny and base, not 'llmdet_tiny'"):
        GroundingDino(weights=tmp_path, backend="groundingdino", variant="llmdet_tiny")
    with pytest.raises(SpecialistError, match="cannot be built with the text encoder 'bert-base-uncased'"):
        GroundingDino(weights=tmp_path, backend="groundingdino")
    tiny_grounding.text_encoder(tmp_path, tiny_grounding.model())
    with pytest.raises(SpecialistError, match=r"groundingdino_swint_ogc.pth is no checkpoint of this network"):
        GroundingDino(weights=tmp_path, backend="groundingdino")
    torch.save({"model": {"level": torch.zeros(1)}}, tmp_path / "groundingdino_swint_ogc.pth")
    with pytest.raises(SpecialistError, match=r"groundingdino_swint_ogc.pth lacks \d+ weights"):
        GroundingDino(weights=tmp_path, backend="groundingdino")
