"""DreamSim: equal to the official package on the same tiny weights, for every kind of variant, without a network."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import cards, flat, photograph

from autorater.assessment import Measured
from autorater.errors import SpecialistError
from autorater.image import Picture, open_picture
from autorater.toolbox import View

torch = pytest.importorskip("torch")
if cards()["dreamsim"].missing():
    pytest.skip("dreamsim needs the extra similarity", allow_module_level=True)

from tiny_dreamsim import make, official, package  # noqa: E402

from autorater_tools._offline import loading_from, silent  # noqa: E402
from autorater_tools.dreamsim import Dreamsim, package_files, prepared, unit_vectors  # noqa: E402

VARIANTS = [
    "ensemble",
    "dino_vitb16",
    "dinov2_vitb14",
    "clip_vitb32",
    "open_clip_vitb32",
    "synclr_vitb16",
    "dino_vitb16_patch",
    "dinov2_vitb14_patch",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a variant's tiny weights, made once from a fixed seed through the package's own code."""
    made: dict[str, Path] = {}

    def folder_of(variant: str) -> Path:
        if variant not in made:
            made[variant] = make(tmp_path_factory.mktemp(variant), variant)
        return made[variant]

    return folder_of


def pictures() -> list[Picture]:
    names = ("astronaut", "coffee", "chelsea")
    return [open_picture(photograph(name).resize((300, 200))) for name in names]


def distances(specialist: Dreamsim, pairs: list[tuple[Picture, Picture]]) -> list[float]:
    outcomes = specialist([View(image=image, sources=(source,)) for source, image in pairs])
    return [outcome.readings[0].value for outcome in outcomes if isinstance(outcome, Measured)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_distance_equals_that_of_the_official_package(store: Callable[[str], Path], variant: str) -> None:
    one, other, third = pictures()
    pairs = [(one, other), (one, third), (third, other), (one, one)]
    model = official(store(variant), variant)
    expected = [float(model(prepared(left.rgb()), prepared(right.rgb()))) for left, right in pairs]
    assert len(set(expected[:3])) == 3
    assert distances(Dreamsim(weights=store(variant), variant=variant), pairs) == pytest.approx(expected, abs=5e-6)


def test_input_equals_that_of_the_official_package(store: Callable[[str], Path]) -> None:
    folder = store("clip_vitb32")
    with loading_from(folder, "dreamsim", (package, {"print": silent})):
        _, preprocess = package.dreamsim(device="cpu", cache_dir=str(folder), dreamsim_type="clip_vitb32")
    for picture in pictures():
        assert torch.equal(preprocess(picture.rgb()), prepared(picture.rgb()))


def test_distance_follows_its_formula() -> None:
    one, other = unit_vectors(torch.tensor([[1.0, 2, 3, 4], [2, 1, 4, 3]]), patches=False)
    assert 1 - float(one @ other) == pytest.approx(0.4, abs=1e-6)  # centred; the plain cosine would give 0.0667
    assert 1 - np.corrcoef([1, 2, 3, 4], [2, 1, 4, 3])[0, 1] == pytest.approx(0.4)


def test_a_picture_is_embedded_once(store: Callable[[str], Path]) -> None:
    specialist = Dreamsim(weights=store("clip_vitb32"), variant="clip_vitb32")
    looked: list[int] = []
    embed = specialist.model.embed

    def counted(batch: Any) -> Any:
        looked.append(len(batch))
        return embed(batch)

    specialist.model.embed = counted
    one, other, third = pictures()
    again = open_picture(one.data)
    first = distances(specialist, [(one, other), (one, third), (again, other)])
    assert looked == [3]
    assert distances(specialist, [(one, other), (one, third), (again, other)]) == first
    assert looked == [3]
    assert first[0] == first[2]


def test_alone_in_a_batch_and_for_any_size(store: Callable[[str], Path]) -> None:
    specialist = Dreamsim(weights=store("clip_vitb32"), variant="clip_vitb32")
    source = pictures()[0]
    shapes = [open_picture(pixels) for pixels in (flat(0, 16), flat(255)[:40], flat()[..., 0])]
    together = distances(specialist, [(source, image) for image in shapes])
    alone = [distances(specialist, [(source, open_picture(image.data))])[0] for image in shapes]
    assert together == pytest.approx(alone, abs=2e-6)
    assert distances(specialist, [(source, source)]) == [0]


def test_the_process_is_as_before(store: Callable[[str], Path]) -> None:
    hub: Any = torch.hub
    before = hub.get_dir(), hub.urlopen, hub.download_url_to_file, torch.load
    Dreamsim(weights=store("dinov2_vitb14"), variant="dinov2_vitb14")
    assert (hub.get_dir(), hub.urlopen, hub.download_url_to_file, torch.load) == before


def test_nothing_is_printed(store: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    Dreamsim(weights=store("clip_vitb32"), variant="clip_vitb32")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("lost", package_files("ensemble"))
def test_a_missing_file_is_named_and_nothing_is_fetched(
    store: Callable[[str], Path], tmp_path: Path, lost: str
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store("ensemble"), folder)
    path = folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(SpecialistError, match=f"lack {lost}.*tools pull dreamsim"):
        Dreamsim(weights=folder)


def test_a_damaged_or_wrong_file_is_told(store: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store("clip_vitb32"), folder)
    path = folder / "clip_vitb32_pretrain.pth.tar"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"<html></html>"):
        path.write_bytes(content)
        with pytest.raises(SpecialistError, match="tools pull dreamsim"):
            Dreamsim(weights=folder, variant="clip_vitb32")
    torch.save({"state_dict": {"proj": torch.zeros(2, 2)}}, path)
    with pytest.raises(SpecialistError, match="cannot be loaded"):
        Dreamsim(weights=folder, variant="clip_vitb32")


class Trap:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[Any, tuple[Path, str]]:
        return (Path.write_text, (Path("trap"), "sprung"))


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("synclr_vitb16", "synclr_vit_b_16.pth"),
        ("dino_vitb16", "checkpoints/dino_vitbase16_pretrain.pth"),
        ("clip_vitb32", "clip_vitb32_pretrain.pth.tar"),
    ],
)
def test_code_in_a_checkpoint_is_not_run(store: Callable[[str], Path], tmp_path: Path, variant: str, name: str) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store(variant), folder)
    torch.save({"model": Trap(), "state_dict": Trap()}, folder / name)
    with pytest.raises(SpecialistError, match="cannot be loaded"):
        Dreamsim(weights=folder, variant=variant)
    assert not Path("trap").exists()


def test_the_card_names_every_file_of_every_variant() -> None:
    card = cards()["dreamsim"]
    for variant in VARIANTS:
        named = sorted(one.file.rstrip("/") for one in card.files({"variant": variant}))
        assert named == sorted(package_files(variant))


def test_a_source_is_needed(store: Callable[[str], Path]) -> None:
    specialist = Dreamsim(weights=store("clip_vitb32"), variant="clip_vitb32")
    with pytest.raises(SpecialistError, match="source image is needed"):
        specialist([View(image=open_picture(flat()))])
