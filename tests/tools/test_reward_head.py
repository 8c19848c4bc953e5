"""Reward heads of one's own: the formula written out, peft's own reading of the adapters, and what can be wrong."""

import json
import math
import warnings
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import transformers
from asking import cards, small
from command import run
from PIL import Image
from tiny_lmm import BUILDERS, build_llava
from tiny_reward import SAID, build, make_form

from autorater import AutoRater
from autorater.assessment import Declined, Measured, Outcome
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import Toolbox, View, checked
from autorater_tools._reward_form import Adapter, Perspective, RewardForm
from autorater_tools._reward_model import RewardModel
from autorater_tools.reward_head import RewardHead
from autorater_tools.reward_preference import RewardPreference

PROMPT = "a cat on the table"


def number(outcome: Outcome) -> float:
    assert isinstance(outcome, Measured), outcome
    return outcome.readings[0].value


TURN = f"<|im_start|>user\n<image>{PROMPT}<|im_end|>"


def by_library(folder: Path, picture: Any, *, perspective: str = "alignment", text: str = TURN) -> tuple[Any, Any]:
    """State at the last token and projected image tokens: the library's network, peft's adapter, our projector."""
    library: Any = transformers
    processor = library.AutoProcessor.from_pretrained(folder / "base")
    processor.image_processor = library.AutoImageProcessor.from_pretrained(folder / "base", backend="pil")
    network = library.LlavaForConditionalGeneration.from_pretrained(folder / "base", dtype=torch.float32)
    tensors = _tensors(folder)
    start = f"{perspective}/projector/"
    own = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    assert not network.load_state_dict(own, strict=False).unexpected_keys
    import peft

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an old name
        adapted = cast("Any", peft).PeftModel.from_pretrained(network, str(folder / "head" / "lora" / perspective))
    inputs = processor(text=[text], images=[[picture.rgb()]], return_tensors="pt")
    with torch.no_grad():
        output = adapted.model(**inputs, output_hidden_states=True)
    seen = output.hidden_states[0][0][inputs["input_ids"][0] == network.config.image_token_id]
    return output.hidden_states[-1][0, -1], seen


def _tensors(folder: Path) -> dict[str, Any]:
    from importlib import import_module

    library: Any = import_module("safetensors.torch")
    return library.load_file(folder / "head" / "head.safetensors")


@pytest.mark.parametrize("perspective", ["alignment", "fidelity"])
@pytest.mark.parametrize("head", ["skipca", "linear"])
def test_the_score_is_that_of_the_paper_on_pefts_own_network(tmp_path: Path, head: str, perspective: str) -> None:
    build(tmp_path, head=head)
    picture = small("coffee")
    last, seen = by_library(tmp_path, picture, perspective=perspective)
    part = {name: tensor for name, tensor in _tensors(tmp_path).items() if name.startswith(f"{perspective}/head/")}
    weight = {name.rpartition("/")[2]: tensor for name, tensor in part.items()}
    if head == "skipca":
        keys, values = seen @ weight["W_k"].T, seen @ weight["W_v"].T
        scores = [math.exp(float((weight["W_q"] @ last) @ key) / math.sqrt(len(last))) for key in keys]
        for score, each in zip(scores, values, strict=True):
            last = last + score / sum(scores) * each
        last = last / (last.square().mean() + 1e-6).sqrt() * weight["ca_layernorm"]
    outcome = RewardHead(weights=tmp_path, perspective=perspective)([View(picture, prompt=PROMPT)])[0]
    assert number(checked(cards()["reward_head"], outcome)) == pytest.approx(
        float(weight["value_head"][0] @ last), abs=2e-4
    )
    assert isinstance(outcome, Measured)
    assert outcome.text == SAID


def test_the_layers_of_a_score_are_those_of_the_paper_on_pefts_own_network(tmp_path: Path) -> None:
    """Five layers, a ReLU behind each, on the state where the answer's beginning ends, written out in numbers."""
    asked = Perspective(name="quality", dimension="quality", question="How good?", answer="It is", low=0, high=100)
    adapter = Adapter(rank=2, alpha=4, vision=True)
    build(tmp_path, loss="l1", head="mlp", perspectives=(asked,), adapter=adapter)
    picture = small("coffee")
    told = "<|im_start|>user\n<image>How good?<|im_end|>\n<|im_start|>assistant\nIt is"
    values, _ = by_library(tmp_path, picture, perspective="quality", text=told)
    tensors = {name.removeprefix("quality/head/"): one for name, one in _tensors(tmp_path).items() if "/head/" in name}
    assert [tuple(tensors[f"fc{place}.weight"].shape) for place in range(1, 6)] == [
        (1024, 32), (256, 1024), (64, 256), (16, 64), (1, 16)
    ]  # fmt: skip
    for place in range(1, 6):
        weight, bias = tensors[f"fc{place}.weight"], tensors[f"fc{place}.bias"]
        rows = [(row * values).sum() + shift for row, shift in zip(weight, bias, strict=True)]
        values = torch.stack([max(one, torch.zeros(())) for one in rows])
    assert values.shape == (1,)
    outcome = RewardHead(weights=tmp_path)([View(picture, prompt=PROMPT)])[0]
    assert number(outcome) == pytest.approx(100 * float(values[0]), abs=1e-2)


def test_heads_begin_as_their_authors_draw_them(tmp_path: Path) -> None:
    base = build_llava(tmp_path / "base")
    model = RewardModel(base, make_form(base), device="cpu")
    head = model.heads["alignment"]
    assert set(head) == {"W_q", "W_k", "W_v", "ca_layernorm", "value_head"}, "no biases"
    for name in ("W_q", "W_k", "W_v"):
        assert float(head[name].std()) == pytest.approx(1 / 33, rel=0.1)
    assert not torch.equal(head["W_q"], model.heads["fidelity"]["W_q"])
    for seed in range(6):
        model = RewardModel(base, make_form(base, loss="l1", head="mlp"), device="cpu", seed=seed)
        weights = [tensor for name, tensor in model.heads["alignment"].items() if name.endswith("weight")]
        assert all(float(one.abs().max()) <= 0.1 for one in weights)
        assert float(weights[1].std()) == pytest.approx(0.2 / math.sqrt(12), rel=0.02)
        with torch.no_grad():
            score = float(model.rewards(model.read([(small("coffee").rgb(), PROMPT)])))
        assert score == pytest.approx(0.5, abs=0.2), "it is never below zero, where it could not learn"


def test_a_general_preference_is_compared_and_has_no_score(tmp_path: Path) -> None:
    model = build(tmp_path, loss="gpm", size=4, temperature=0.5)
    one, other = small("astronaut"), small("coffee")
    judge = RewardPreference(weights=tmp_path)
    first, second, same = judge(
        [
            View(one, prompt=PROMPT, rival=other),
            View(other, prompt=PROMPT, rival=one),
            View(one, prompt=PROMPT, rival=one),
        ]
    )
    model.use("alignment")
    with torch.no_grad():
        rows = model.rewards(model.read([(one.rgb(), PROMPT), (other.rgb(), PROMPT)]))
    a, b = ([float(value) for value in row] for row in rows)
    gap = a[0] * b[1] - a[1] * b[0] + a[2] * b[3] - a[3] * b[2]
    assert number(first) == pytest.approx(1 / (1 + math.exp(-gap / 0.5)), abs=1e-5)
    assert number(first) + number(second) == pytest.approx(1, abs=2e-6)
    assert number(same) == 0.5
    with pytest.raises(SpecialistError, match=r"gives no score of one image: use reward_preference"):
        RewardHead(weights=tmp_path)


def test_a_regression_gives_the_scale_of_its_data(tmp_path: Path) -> None:
    asked = Perspective(
        name="quality", dimension="quality", question="How good? {prompt}", answer="It is", low=1, high=5
    )
    model = build(tmp_path, loss="l1", perspectives=(asked,), head="linear", adapter=None, projector=False)
    picture = small("coffee")
    with torch.no_grad():
        share = float(model.rewards(model.read([(picture.rgb(), PROMPT)])))
    assert number(RewardHead(weights=tmp_path)([View(picture, prompt=PROMPT)])[0]) == pytest.approx(
        1 + 4 * share, abs=1e-4
    )
    assert not (tmp_path / "head" / "lora").exists()
    with pytest.raises(SpecialistError, match=r"was trained on opinions .* use reward_head"):
        RewardPreference(weights=tmp_path)


@pytest.mark.parametrize("kind", sorted(BUILDERS))
def test_every_architecture_has_projector_language_and_vision_layers(tmp_path: Path, kind: str) -> None:
    base = BUILDERS[kind](tmp_path / "base")
    model = RewardModel(base, make_form(base, adapter=Adapter(rank=2, alpha=2, vision=True)), device="cpu")
    names = set(model.trained("alignment"))
    assert any(name.startswith("projector/") for name in names)
    for part in ("language_model", "vi"):
        assert any(f"model.{part}" in name for name in names if name.startswith("lora/")), part
    assert not any("lm_head" in name for name in names)
    reads = model.read([(small("coffee", 64).rgb(), "a"), (small("coffee", 80).rgb(), "a longer prompt <image>")])
    rewards: Any = model.rewards(reads).detach()
    assert rewards.shape == (2, 1)
    assert model.next_words(reads).shape == (2, model.network.config.get_text_config().vocab_size)
    alone: Any = model.rewards(model.read([(small("coffee", 64).rgb(), "a")])).detach()
    assert float(rewards[0]) == pytest.approx(float(alone), abs=1e-4)


def test_no_prompt_or_no_rival_is_refused_and_a_ribbon_declined(tmp_path: Path) -> None:
    build(tmp_path)
    picture, ribbon = small("coffee"), open_picture(Image.new("RGB", (3000, 4)))
    with pytest.raises(SpecialistError, match="a prompt is needed"):
        RewardHead(weights=tmp_path)([View(picture)])
    judge = RewardPreference(weights=tmp_path)
    with pytest.raises(SpecialistError, match="a rival is needed"):
        judge([View(picture, prompt=PROMPT)])
    declined, measured = judge(
        [View(picture, prompt=PROMPT, rival=ribbon), View(picture, prompt=PROMPT, rival=picture)]
    )
    assert isinstance(declined, Declined)
    assert isinstance(measured, Measured)
    assert isinstance(RewardHead(weights=tmp_path)([View(ribbon, prompt=PROMPT)])[0], Declined)


def change(folder: Path, what: str) -> None:
    """Make one thing wrong."""
    config, tensors = folder / "head" / "config.json", folder / "head" / "head.safetensors"
    told = json.loads(config.read_text())
    if what == "no head":
        config.unlink()
    elif what == "another config":
        config.write_text('{"model_type": "llava"}')
    elif what == "odd":
        config.write_text(json.dumps({**told, "loss": "gpm", "size": 3}))
    elif what == "no tensors":
        tensors.unlink()
    elif what == "no adapter":
        (folder / "head" / "lora" / "fidelity" / "adapter_model.safetensors").unlink()
    elif what == "no base":
        (folder / "base" / "model.safetensors").unlink()
    elif what == "another base":
        build_llava(folder / "base", seed=5)
    else:
        from importlib import import_module

        library: Any = import_module("safetensors.torch")
        state = library.load_file(tensors)
        if what == "lacking":
            del state["alignment/head/W_q"]
        elif what == "left over":
            state["style/head/W_q"] = torch.zeros(1)
        else:
            state["alignment/head/value_head"] = torch.zeros(2, 32)
        library.save_file(state, tensors)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("no head", r"head/config\.json cannot be read .*bring in the folder that `autorater train-head` wrote"),
        ("another config", r"head/config\.json is of no reward head"),
        ("odd", "a reward of 3 numbers does not fit the loss gpm"),
        ("no tensors", r"head\.safetensors cannot be read as weights"),
        ("no adapter", r"adapter_model\.safetensors cannot be read as weights"),
        ("no base", r"'base' holds no \*\.safetensors"),
        ("another base", r"the base 'base' is not the one that this reward head was trained on"),
        ("lacking", r"head \(alignment\) lacks head/W_q"),
        ("left over", r"has style/head/W_q, which no part"),
        ("shape", r"head/value_head has the shape \(2, 32\), expected \(1, 32\)"),
    ],
)
def test_a_wrong_folder_is_one_clear_line(tmp_path: Path, what: str, told: str) -> None:
    build(tmp_path)
    change(tmp_path, what)
    with pytest.raises(SpecialistError, match=told) as raised:
        RewardHead(weights=tmp_path)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


def test_an_unknown_perspective_is_named_with_the_known_ones(tmp_path: Path) -> None:
    build(tmp_path)
    with pytest.raises(SpecialistError, match="no perspective 'style': expected one of alignment, fidelity"):
        RewardHead(weights=tmp_path, perspective="style")


def test_a_form_is_of_one_piece(tmp_path: Path) -> None:
    form = make_form(build_llava(tmp_path / "base"))
    assert RewardForm.model_validate_json(form.model_dump_json()) == form
    for wrong, told in [
        ({"perspectives": form.perspectives[:1] * 2}, "share a name"),
        ({"size": 2}, "does not fit"),
        ({"loss": "gpm"}, "does not fit"),
        ({"head": "mlp"}, "it goes with the loss l1, got bt"),
    ]:
        with pytest.raises(ValueError, match=told):
            RewardForm.model_validate({**form.model_dump(), **wrong})


def test_it_is_pulled_from_its_folder_and_judges_without_a_vlm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path / "mine")
    (tmp_path / "mine" / "base").rename(tmp_path / "checkpoint")
    (tmp_path / "mine" / "base").symlink_to("../checkpoint")  # as `train-head` leaves it
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / "store"))
    assert Toolbox().missing(cards()["reward_head"]) == ["head/", "base/"]
    pulled = run("tools", "pull", "reward_head", "--from", tmp_path / "mine")
    assert pulled.status == 0, pulled.err
    candidates = [small("coffee").rgb(), small("astronaut").rgb()]
    found: dict[str, Any] = {}
    for criterion in ("reward_head.score", "reward_preference.preference"):
        with AutoRater(criterion=criterion, cache=False) as judge:
            found[criterion] = judge.compare(*candidates, prompt=PROMPT)
    head = RewardHead(weights=tmp_path / "mine")
    scores = [number(outcome) for outcome in head([View(open_picture(one), prompt=PROMPT) for one in candidates])]
    expected = "a" if scores[0] > scores[1] else "b"
    assert {judgment.preferred for judgment in found.values()} == {expected}
