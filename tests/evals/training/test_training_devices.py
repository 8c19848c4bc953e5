"""Several processes train one student together, as several devices would."""

from pathlib import Path

from tiny_sets import pairs, quick, student, weights

from autorater_evals.training.training import Running, train


def test_two_processes_train_one_student(tmp_path: Path) -> None:
    settings = quick(method="lora", rank=4, batch=2, steps=2)
    running = Running(device="cpu", processes=2, evaluate=False)
    found = train(pairs(), str(student()), tmp_path / "out", settings, running=running)
    assert (found.fitted.devices, found.fitted.steps) == (2, 2)
    # Twelve examples, two at a time on each of two devices: two steps are two thirds of an epoch.
    assert round(found.fitted.epochs, 2) == 0.67
    assert weights(tmp_path / "out").keys() == weights(student()).keys()
