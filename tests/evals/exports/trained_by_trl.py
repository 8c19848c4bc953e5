"""Run apart, since TRL warns and patches: what its trainers make of exports, as JSON on stdout.

python trained_by_trl.py SET SFT_EXPORT DPO_EXPORT WORKING_FOLDER
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from autorater.vision_ops import allow_torchvision
from autorater_evals.training.tiny import build_student
from autorater_evals.trainset import open_set


def trained(kind: str, export: str, model: Path, folder: Path) -> list[dict[str, Any]]:
    """The log of a few steps; the file is read as anybody reads it."""
    datasets: Any = import_module("datasets")
    trl: Any = import_module("trl")
    table = datasets.load_dataset(export, cache_dir=str(folder / "cache"))["train"]
    settings = getattr(trl, f"{kind}Config")(
        output_dir=str(folder / kind),
        max_steps=10,
        per_device_train_batch_size=2,
        max_length=None,
        learning_rate=2e-3,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
        seed=0,
    )
    trainer = getattr(trl, f"{kind}Trainer")(model=str(model), args=settings, train_dataset=table)
    trainer.train()
    return [step for step in trainer.state.log_history if "loss" in step]


def main(examples: str, sft: str, dpo: str, work: str) -> None:
    """Both trainers on one tiny model."""
    allow_torchvision()
    folder = Path(work)
    model = build_student(folder / "model", open_set(examples).examples())
    told = {kind: trained(kind, export, model, folder) for kind, export in (("SFT", sft), ("DPO", dpo))}
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
