"""What `python -m autorater_evals.heads.proof` prints, of a few of its heads: whole, blind, and on swapped labels."""

from pathlib import Path

import pytest

from autorater_evals.heads.proof import FAULTS, Fault, Proved, prepare, print_proof, prove, settings_of


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[Fault, Path]:
    return prepare(tmp_path_factory.mktemp("proof"))


@pytest.mark.parametrize(
    ("loss", "head", "size", "lora"),
    [("bt", "skipca", 1, False), ("l1", "mlp", 1, False)],
)
def test_a_head_learns_from_whole_data_alone(
    tmp_path: Path,
    bases: dict[Fault, Path],
    loss: str,
    head: str,
    size: int,
    lora: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = settings_of(loss, head, size, lora=lora)
    found: dict[Fault, Proved] = {
        fault: prove(bases, tmp_path / fault, settings, fault, trained=80) for fault in FAULTS
    }
    values = {fault: one.pairs.value for fault, one in found.items()}
    assert values["none"] is not None
    assert values["none"] >= 0.95
    assert values["cut"] == 0.5, "pictures that cannot be seen tell nothing"
    assert values["swapped"] is not None
    assert values["swapped"] <= 0.05
    whole = found["none"]
    assert whole.pairs.n == whole.pairs.total == 60
    assert whole.grey.value == 0.5
    assert whole.gradient == (("head", "lora", "projector") if lora else ("head",))
    print_proof(list(found.values()))
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{whole.loss} {whole.head} " in printed
