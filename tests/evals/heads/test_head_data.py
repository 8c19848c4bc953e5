"""What labelled data give to a reward head: examples, what is left out, what is held out, hard negatives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autorater.errors import ImageError, SpecialistError, UsageError
from autorater_evals.heads.data import Data, read_data
from autorater_evals.heads.examples import Example, Look
from autorater_evals.heads.forming import find_base
from autorater_evals.heads.hard_negatives import mine, similar_prompts
from autorater_evals.heads.planted import plant_opinions, plant_pairs, write
from autorater_evals.heads.settings import Settings


def read(file: Path, **given: Any) -> Data:
    return read_data(str(file), folder=None, settings=Settings.model_validate({"loss": "bt", **given}))


def labelled(file: Path, **given: Any) -> tuple[list[Example], dict[str, int]]:
    """All examples of both parts of the split, and what was left out."""
    settings = Settings.model_validate({"loss": "bt", **given})
    parts = read_data(str(file), folder=None, settings=settings).labelled(settings.dimensions[0], settings)
    left: dict[str, int] = {}
    for part in parts:
        for why, number in part.left_out.items():
            left[why] = left.get(why, 0) + number
    return [example for part in parts for example in part.examples], left


def test_the_chosen_image_of_a_pair_stands_first_and_ties_are_counted(tmp_path: Path) -> None:
    def tie_sometimes(a: float, b: float) -> str:
        return "tie" if abs(a - b) < 60 else "b" if a < b else "a"

    file = plant_pairs(tmp_path, 30, prefer=tie_sometimes)
    examples, left = labelled(file)
    assert len(examples) + left["people tie"] == 30
    for example in examples:
        levels = [float(np.asarray(Image.open(look.image)).mean()) for look in example.looks]
        assert levels[0] > levels[1]


def test_the_two_images_of_a_pair_are_two_truths(tmp_path: Path) -> None:
    examples, _ = labelled(plant_pairs(tmp_path, 10), loss="ce")
    assert sorted(example.target for example in examples) == [0.0] * 10 + [1.0] * 10
    assert all(len(example.looks) == 1 for example in examples)


def test_opinions_become_pairs_within_their_prompt(tmp_path: Path) -> None:
    """Four images a prompt make a ring of four pairs, the better one first."""
    examples, left = labelled(plant_opinions(tmp_path, 24, each=4))
    assert (len(examples), left) == (24, {})
    for example in examples:
        better, worse = example.looks
        assert better.prompt == worse.prompt
        assert np.asarray(Image.open(better.image)).mean() < np.asarray(Image.open(worse.image)).mean()


def test_opinions_without_another_image_are_counted(tmp_path: Path) -> None:
    file = plant_opinions(tmp_path, 9, each=2)
    examples, left = labelled(file)
    assert len(examples) == 4
    assert left == {"no other image of the prompt with another opinion": 1}


def test_what_shares_a_prompt_or_an_image_is_held_out_together(tmp_path: Path) -> None:
    file = plant_pairs(tmp_path, 20)
    rows: list[dict[str, Any]] = [
        {"id": "same image", "prompt": "another prompt", "images": ["copy.png", "1a.png"], "preferred": "a"},
        {"id": "same prompt", "prompt": "Thing number  2!", "images": ["3a.png", "3b.png"], "preferred": "a"},
    ]
    (tmp_path / "copy.png").write_bytes((tmp_path / "0a.png").read_bytes())
    more = write(tmp_path / "more.jsonl", rows).read_text()
    file.write_text(file.read_text() + more)
    data = read(file)
    for seed in range(5):
        data = read(file, seed=seed, held_out=0.3)
        by_id = {item.id.partition("/")[2]: held for item, held in zip(data.items, data.out, strict=True)}
        assert len({by_id[name] for name in ("pair 0", "pair 1", "same image")}) == 1
        assert len({by_id[name] for name in ("pair 2", "pair 3", "same prompt")}) == 1
        assert 0.3 <= sum(data.out) / len(data.out) < 0.5
        assert data.out == read(file, seed=seed, held_out=0.3).out
    assert len(set(data.groups)) == 18


def test_pictures_that_look_the_same_are_held_out_together(tmp_path: Path) -> None:
    """A picture that was saved anew has other bytes, and would tell a held-out item's label all the same."""
    for place in range(8):
        pattern(tmp_path / f"{place}.png", place)
    Image.open(tmp_path / "0.png").save(tmp_path / "again.jpg", quality=90)
    rows: list[dict[str, Any]] = [
        {"id": f"{place}", "prompt": f"thing {place}", "images": [one, other], "preferred": "a"}
        for place, (one, other) in enumerate([("0.png", "1.png"), ("2.png", "3.png"), ("4.png", "again.jpg")])
    ]
    data = read(write(tmp_path / "items.jsonl", rows))
    first, second, third = data.groups
    assert first == third != second
    assert data.hashes["0.png"] != data.hashes["again.jpg"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"loss": "l1", "dimensions": ("style",)},
            r"the loss l1 found no example in 6 training items: expected opinions of single images \(score\) of the "
            r"dimension 'style', these have preferences of overall \(no label of style: 6\)",
        ),
        ({"loss": "l1"}, r"of the dimension 'overall', these have preferences of overall \(pairs: l1 learns from op"),
        ({"dimensions": ("style",)}, r"expected preferences or opinions of the dimension 'style'"),
    ],
)
def test_labels_that_are_not_there_are_named(tmp_path: Path, given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        labelled(plant_pairs(tmp_path, 8), **given)


def test_data_that_may_not_be_trained_on_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="psr may not be trained on: "):
        read_data("psr", folder=tmp_path, settings=Settings(loss="bt"))


def test_data_that_cannot_be_used_are_refused_in_one_line(tmp_path: Path) -> None:
    file = plant_pairs(tmp_path, 3)
    (tmp_path / "1b.png").unlink()
    with pytest.raises(ImageError, match=r"the image '1b\.png' cannot be read"):
        read(file)
    with pytest.raises(UsageError, match=r"a \.jsonl file, or a benchmark with --data DIR, got 'hpdv3'"):
        read_data("hpdv3", folder=None, settings=Settings(loss="bt"))
    one = write(tmp_path / "one.jsonl", [{"prompt": "x", "images": ["0a.png", "0b.png"], "preferred": "a"}])
    with pytest.raises(UsageError, match="none can be held out"):
        read(one)


def test_a_base_that_is_not_here_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got 'nobody/nothing': check the path, or run `hf download nobody/nothing`"):
        find_base("nobody/nothing")
    (tmp_path / "empty").mkdir()
    from autorater_tools._reward_form import mark_of

    with pytest.raises(SpecialistError, match=r"holds no \*\.safetensors"):
        mark_of(tmp_path / "empty")


PROMPTS = ("a red cat on a sofa", "a red cat on a table", "a blue cat on a sofa", "seven ships at sea")


def test_similar_prompts_share_words() -> None:
    similar = similar_prompts(PROMPTS)
    assert set(similar[PROMPTS[0]]) >= {PROMPTS[1], PROMPTS[2]}
    assert PROMPTS[3] not in similar[PROMPTS[0]]
    assert similar[PROMPTS[3]] == []
    assert similar_prompts(["!", "?"]) == {"!": [], "?": []}


def pattern(path: Path, seed: int) -> Path:
    """A picture of coarse blocks: two of one seed look alike, and their bytes may differ."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(np.repeat(np.repeat(blocks, 8, 0), 8, 1)).convert("RGB").save(path)
    return path


def test_of_ties_alone_nothing_is_learned(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"found no example in 6 training items: .*overall \(people tie: 6\)"):
        labelled(plant_pairs(tmp_path, 8, prefer=lambda _a, _b: "tie"))


def planted_looks(folder: Path) -> list[Example]:
    """Four pairs; one image of the third is the first's chosen one, saved anew."""
    like = pattern(folder / "alike.jpg", 0)
    images = [pattern(folder / f"{index}.png", index) for index in range(8)]
    return [
        Example("0", "0", (Look(images[0], PROMPTS[0]), Look(images[1], PROMPTS[0])), "pair"),
        Example("1", "1", (Look(images[2], PROMPTS[1]), Look(images[3], PROMPTS[1])), "pair"),
        Example("2", "2", (Look(images[4], PROMPTS[2]), Look(like, PROMPTS[2])), "pair"),
        Example("3", "3", (Look(images[6], PROMPTS[3]), Look(images[7], PROMPTS[3])), "pair"),
    ]


def test_hard_negatives_are_the_image_under_a_similar_prompt_and_an_alike_image(tmp_path: Path) -> None:
    pairs = planted_looks(tmp_path)
    found = {example.id: example for example in mine(pairs, share=0.9, seed=0)}
    both = [f"{place}/hard {kind}" for place in range(3) for kind in ("image", "prompt")]
    assert sorted(found) == [*both, "3/hard image"], "ships have no similar prompt"
    chosen = pairs[0].looks[0]
    assert found["0/hard image"].looks == (chosen, Look(tmp_path / "alike.jpg", PROMPTS[0]))
    wrong = found["0/hard prompt"].looks
    assert wrong[0] == chosen
    assert wrong[1].image == chosen.image
    assert wrong[1].prompt in PROMPTS[1:3]
    assert mine(pairs, share=0.45, seed=0) == mine(pairs, share=0.45, seed=0)
    assert len(mine(pairs, share=0.45, seed=0)) == 3
    assert mine(pairs, share=0.0, seed=0) == []


def test_a_copy_of_the_chosen_image_is_no_negative_of_it(tmp_path: Path) -> None:
    """The same bytes under another name are the same image, and the same words in capitals the same prompt."""
    pairs = planted_looks(tmp_path)
    chosen = pairs[0].looks[0]
    copy, other = tmp_path / "copy.png", pattern(tmp_path / "other.png", 20)
    copy.write_bytes(chosen.image.read_bytes())
    pairs.append(Example("4", "4", (Look(other, "Red cat, on a SOFA"), Look(copy, "red cat on a sofa")), "pair"))
    found = {example.id: example for example in mine(pairs, share=0.9, seed=0)}
    assert found["0/hard image"].looks[1].image.name == "alike.jpg", "not its copy"
    assert found["0/hard prompt"].looks[1].prompt in PROMPTS[1:3], "the nearest has the same image"
    assert found["4/hard prompt"].looks[1].prompt != "red cat on a sofa"


@pytest.mark.parametrize(("share", "count"), [(0.2, 5), (0.5, 20), (0.1, 2)])
def test_hard_negatives_are_the_share_that_was_asked_for(tmp_path: Path, share: float, count: int) -> None:
    examples, _ = labelled(plant_pairs(tmp_path, 20))
    found = mine(examples, share=share, seed=0)
    assert len(found) == count
    assert len(found) / (len(found) + len(examples)) == pytest.approx(share, abs=0.02)


def test_hard_negatives_of_truths_are_bad_images(tmp_path: Path) -> None:
    examples, _ = labelled(plant_pairs(tmp_path, 10), loss="ce")
    found = mine(examples, share=0.2, seed=0)
    assert {example.target for example in found} == {0.0}
    assert {example.kind for example in found} == {"truth"}
