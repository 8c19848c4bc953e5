"""Q-SiT against its published recipe, on a LLaVA-OneVision of random weights."""

import math
from pathlib import Path
from typing import Any, cast

import pytest

torch = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
pytest.importorskip("torchvision")

from tiny_lmm import build_onevision, images, pictures  # noqa: E402

from autorater.assessment import Measured, Outcome  # noqa: E402
from autorater.errors import SpecialistError  # noqa: E402
from autorater.toolbox import View, checked  # noqa: E402
from autorater_tools._weights import own_card  # noqa: E402
from autorater_tools.qsit import Qsit  # noqa: E402

PUBLISHED = (
    "Assume you are an image quality evaluator. \nYour rating should be chosen from the following five categories: "
    "Excellent, Good, Fair, Poor, and Bad (from high to low). \nHow would you rate the quality of this image?"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qsit")
    build_onevision(folder / "mini")
    return folder


def reference(folder: Path, prefix: str, words: list[str]) -> list[tuple[float, float]]:
    """Score and mass by the recipe of the repository: generate one token, gather five logits, softmax, weights."""
    model: Any = transformers.LlavaOnevisionForConditionalGeneration.from_pretrained(folder)
    processor: Any = transformers.LlavaOnevisionProcessor.from_pretrained(folder)
    processor.image_processor = transformers.LlavaOnevisionImageProcessorPil.from_pretrained(folder)
    found: list[tuple[float, float]] = []
    for image in images():
        turn = {"role": "user", "content": [{"type": "text", "text": PUBLISHED}, {"type": "image"}]}
        prompt = processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False)
        inputs = processor(images=image, text=prompt, return_tensors="pt")
        behind = processor.tokenizer(prefix, return_tensors="pt")["input_ids"]
        inputs["input_ids"] = torch.cat([inputs["input_ids"], behind], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        output = model.generate(**inputs, max_new_tokens=1, output_logits=True, return_dict_in_generate=True)
        logits = output.logits[-1][0]
        five = [logits[processor.tokenizer(word)["input_ids"][0]].item() for word in words]
        weights = [math.exp(one - max(five)) for one in five]
        shares = [weight / sum(weights) for weight in weights]
        score = sum(share * level for share, level in zip(shares, [1, 0.75, 0.5, 0.25, 0], strict=True))
        whole = torch.softmax(logits.double(), dim=-1)
        mass = sum(float(whole[processor.tokenizer(word)["input_ids"][0]]) for word in words)
        found.append((score, mass))
    return found


def readings(outcomes: list[Outcome]) -> list[tuple[float, ...]]:
    assert all(isinstance(checked(own_card("qsit"), outcome), Measured) for outcome in outcomes), outcomes
    return [tuple(one.value for one in cast(Measured, outcome).readings) for outcome in outcomes]


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("The quality of this image is ", "Excellent,Good,Fair,Poor,Bad"),
        ("The quality of the image is", " excellent, good, fair, poor, bad"),
    ],
)
def test_gives_what_the_published_recipe_gives(store: Path, prefix: str, words: str) -> None:
    specialist = Qsit(weights=store, variant="mini", prefix=prefix, words=words)
    expected = reference(store / "mini", prefix, words.split(","))
    views = [View(image=picture) for picture in pictures()]
    for outcomes in (specialist(views), [specialist([view])[0] for view in views]):
        for got, wanted in zip(readings(outcomes), expected, strict=True):
            assert got == pytest.approx(wanted, abs=6e-5)
    assert len({score for score, _ in expected}) == 3


def test_the_defaults_are_the_published_recipe(store: Path) -> None:
    card = own_card("qsit")
    assert [card.options()[name] for name in ("prefix", "words")] == [
        "The quality of this image is ",
        "Excellent,Good,Fair,Poor,Bad",
    ]
    chosen: dict[str, Any] = {**card.options(), "variant": "mini"}
    asked = Qsit(weights=store, **chosen)([View(image=pictures()[0])])
    assert asked == Qsit(weights=store, variant="mini")([View(image=pictures()[0])])
    assert cast(Measured, asked[0]).text == ""


def test_the_question_is_computed_once_for_all_images(store: Path) -> None:
    specialist = Qsit(weights=store, variant="mini")
    specialist.model.worth = 0.1
    lengths: list[int] = []
    language = specialist.model.network.model.language_model

    def note(module: Any, given: Any, output: Any) -> None:
        lengths.append(int(output.last_hidden_state.shape[1]))

    language.register_forward_hook(note)
    specialist([View(image=picture) for picture in pictures()])
    specialist([View(image=pictures()[0])])
    assert len(lengths) == 3, "the question, the batch, the second batch"
    assert lengths[0] > 100, "the question has so many tokens here"
    whole = specialist.model.rows(images()[:1], [specialist.prompt], answer=specialist.prefix)
    assert lengths[0] + lengths[2] == len(whole.ids[0])


def test_the_question_is_computed_again_where_that_is_faster(store: Path) -> None:
    expected = Qsit(weights=store, variant="mini")([View(image=picture) for picture in pictures()])
    specialist = Qsit(weights=store, variant="mini")
    specialist.model.worth = 0.99
    whole: list[int] = []

    def note(module: Any, given: Any, output: Any) -> None:
        whole.append(int(output.last_hidden_state.shape[1]))

    specialist.model.network.model.language_model.register_forward_hook(note)
    assert specialist([View(image=picture) for picture in pictures()]) == expected
    rows = specialist.model.rows(images(), [specialist.prompt] * 3, answer=specialist.prefix)
    assert whole == [max(map(len, rows.ids))]


def test_describes_in_words_when_asked(store: Path) -> None:
    asked = Qsit(weights=store, variant="mini", describe="How is the clarity of the image?")
    outcomes = asked([View(image=picture) for picture in pictures()])
    again = [asked([View(image=picture)])[0] for picture in pictures()]
    assert [cast(Measured, one).text for one in outcomes] == [cast(Measured, one).text for one in again]
    assert any(cast(Measured, one).text for one in outcomes)


def test_words_that_begin_with_one_token_are_refused(tmp_path: Path) -> None:
    build_onevision(tmp_path / "mini", words=["Good"])
    with pytest.raises(SpecialistError, match="must begin with different tokens"):
        Qsit(weights=tmp_path, variant="mini", words="Good,Great,Grand,Poor,Bad")


def test_a_missing_variant_is_named(store: Path) -> None:
    with pytest.raises(SpecialistError, match="'7b' is no checkpoint"):
        Qsit(weights=store)
