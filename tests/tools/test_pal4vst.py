"""PAL4VST: the ratio, the input, the regions and the mask, on a traced stand-in with the interface of the export."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import flat

from autorater.assessment import Measured
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import View

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from tiny_pal4vst import Halved, build, trace  # noqa: E402

from autorater_tools.pal4vst import Pal4Vst, prepared, ratio, regions, stretched  # noqa: E402


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pal4vst")
    build(folder)
    trace(Halved(), folder / "stylegan2" / "end2end.pt")
    return folder


def spotted(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Grey, with one large and one small red box: (0.25, 0.5)-(0.5, 1) and (0.75, 0)-(0.875, 0.125)."""
    pixels = np.full((height, width, 3), 128, dtype=np.uint8)
    pixels[height // 2 :, width // 4 : width // 2] = (255, 0, 0)
    pixels[: height // 8, width * 3 // 4 : width * 7 // 8] = (255, 0, 0)
    return pixels


def test_input_is_normalised_as_the_authors_do() -> None:
    grey = prepared(open_picture(flat(128, 40)).rgb())
    assert grey.shape == (1, 3, 512, 512)
    assert grey.dtype == torch.float32
    assert [float(value) for value in grey[0, :, 100, 200]] == pytest.approx([0.074065, 0.205182, 0.426492], abs=1e-6)


def test_ratio_is_the_share_of_marked_pixels() -> None:
    marked = np.zeros((512, 512), dtype=np.bool_)
    marked.ravel()[:2621] = True
    assert ratio(marked) == pytest.approx(0.009998, abs=1e-6)
    assert ratio(np.zeros((512, 512), dtype=np.bool_)) == 0


def test_finds_what_the_network_marks(store: Path) -> None:
    picture = open_picture(spotted(1024, 512))
    outcome = Pal4Vst(weights=store)([View(image=picture)])[0]
    assert isinstance(outcome, Measured)
    assert outcome.readings[0].value == pytest.approx(1 / 8 + 1 / 64, abs=0.01)
    assert [region.label for region in outcome.regions] == ["artifact", "artifact"]
    assert outcome.regions[0].box == pytest.approx((0.25, 0.5, 0.5, 1), abs=0.01)
    assert outcome.regions[1].box == pytest.approx((0.75, 0, 0.875, 0.125), abs=0.01)
    assert outcome.mask is not None
    assert outcome.mask.array().shape == (128, 256)  # of the picture's proportions
    assert outcome.mask.array()[100, 96] == 255
    assert outcome.mask.array()[10, 10] == 0


def test_any_picture_is_taken_and_the_batch_keeps_its_order(store: Path) -> None:
    specialist = Pal4Vst(weights=store)
    pictures = [open_picture(pixels) for pixels in (spotted(64, 64), flat(0, 16), flat(255)[:, :40], flat(90)[..., 0])]
    outcomes = specialist([View(image=picture) for picture in pictures])
    values = [outcome.readings[0].value for outcome in outcomes if isinstance(outcome, Measured)]
    assert values[0] > 0.1
    assert values[1:] == [0, 0, 0]
    assert [specialist([View(image=picture)])[0] for picture in pictures] == outcomes


def test_only_the_largest_regions_are_listed() -> None:
    marked = np.zeros((512, 512), dtype=np.bool_)
    for number in range(8):
        marked[number * 40 : number * 40 + 10 + number, :20] = True
    marked[500, 500] = True
    found = regions(marked)
    assert len(found) == 5
    assert found[0].box == pytest.approx((0, 280 / 512, 20 / 512, 297 / 512))
    assert regions(np.zeros((512, 512), dtype=np.bool_)) == ()


def test_marks_are_stretched_by_the_nearest_neighbour() -> None:
    marked = np.zeros((512, 512), dtype=np.bool_)
    marked[:, 256:] = True
    for width, height in ((4000, 100), (33, 300), (1, 1)):
        assert set(np.unique(stretched(marked, width, height))) <= {0, 1}
    assert stretched(marked, 4000, 100).shape == (26, 1024)


def test_a_file_that_is_missing_cut_short_or_no_script_is_told(store: Path, tmp_path: Path) -> None:
    whole = (store / "unified" / "end2end.pt").read_bytes()
    (tmp_path / "unified").mkdir()
    broken = tmp_path / "unified" / "end2end.pt"
    for content in (whole[: len(whole) // 2], b"", b"<html>Quota exceeded</html>"):
        broken.write_bytes(content)
        with pytest.raises(SpecialistError, match="tools pull pal4vst --from FOLDER --repin`"):
            Pal4Vst(weights=tmp_path)
    torch.save({"weight": torch.zeros(3)}, broken)  # a checkpoint, not the export
    with pytest.raises(SpecialistError, match="no TorchScript"):
        Pal4Vst(weights=tmp_path)
    broken.unlink()
    with pytest.raises(SpecialistError, match=r"unified/end2end\.pt"):
        Pal4Vst(weights=tmp_path)


def test_another_model_is_refused_when_it_answers(store: Path) -> None:
    specialist = Pal4Vst(weights=store, variant="stylegan2")
    with pytest.raises(SpecialistError, match="it is another model"):
        specialist([View(image=open_picture(flat()))])
