"""Which weights a name means, and what a trained folder tells of them: names and digests, no path of this machine."""

import hashlib
import json
from pathlib import Path
from typing import Any, cast

from autorater.canonical import digest_of
from autorater.errors import UsageError
from autorater_evals.files import put_whole
from autorater_evals.seen import TRAINED_ON

ADAPTER, ADAPTER_CONFIG = "adapter", "adapter_config.json"
_READ = (".json", ".jinja", ".safetensors", ".bin", ".model", ".txt")
_OURS = ("begun.json", "fitted.json", "settings.json", "training.json", TRAINED_ON)
"""Of a student that was trained here: they are not what it is."""
_ARGUMENTS = "training_args.bin"


def digest_of_student(source: str) -> str:
    """The sha256 of a folder's weights and settings; the commit of a hub's model; "" where that is not known."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        files = [path for path in sorted(folder.iterdir()) if path.suffix in _READ and path.name not in _OURS]
        return digest_of({path.name: file_digest(path) for path in files if path.is_file()})
    import transformers

    config: Any = cast("Any", transformers.AutoConfig).from_pretrained(source, local_files_only=True)
    return str(getattr(config, "_commit_hash", "") or "")


def file_digest(path: Path) -> str:
    """The sha256 of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_adapter(source: str) -> None:
    """Raise UsageError when a folder holds LoRA matrices alone, which judge nothing without their base."""
    folder = Path(source).expanduser()
    if (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file():
        base = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
        raise UsageError(
            f"{folder.name!r} is a LoRA adapter of {base or 'a base that it does not name'}, not a student: "
            "name the folder in which `autorater train` wrote it, which holds both merged, or merge it into its base"
        )


def tidy(checkpoint: Path, name: str) -> None:
    """Take the paths of this machine out of what the trainers wrote; the base of an adapter is named as `name`.

    The trainer's arguments go altogether: a pickle that nothing reads.
    """
    for file in (_ARGUMENTS, "README.md"):
        (checkpoint / file).unlink(missing_ok=True)
    path = checkpoint / ADAPTER_CONFIG
    if path.is_file():
        told = {**json.loads(path.read_text(encoding="utf-8")), "base_model_name_or_path": name}
        put_whole(path, (json.dumps(told, indent=2, sort_keys=True) + "\n").encode())


def save_adapter(network: Any, out: Path, *, name: str, digest: str) -> None:
    """Write LoRA's matrices alone, with the name and the digest of the base that they belong to."""
    network.save_pretrained(out)
    tidy(out, name)
    put_whole(out / "README.md", _README.format(name=name, digest=digest or "not known").encode())


_README = """# LoRA matrices of a judge

The folder above holds base and matrices merged; judging with it needs nothing of this folder. To put the matrices on
their base yourself, name the base, or its folder on your machine:

    base = transformers.AutoModelForImageTextToText.from_pretrained("{name}")
    judge = peft.PeftModel.from_pretrained(base, "adapter")

They belong to `{name}` with the digest `{digest}`: the commit of a hub's model, or of a folder's files what
`autorater_evals.training.weights.digest_of_student` gives.
"""
