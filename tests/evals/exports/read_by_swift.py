"""Run by ms-swift's own Python: what its `load_dataset(strict=True)` makes of an export, as JSON on stdout.

python read_by_swift.py FILE
"""

import json
import sys
from importlib import import_module
from typing import Any


def sides(inputs: Any) -> dict[str, Any]:
    """The chosen and the rejected conversation, after ms-swift has filled up placeholders that are missing."""
    base: Any = import_module("swift.template.base")
    told: dict[str, Any] = {}
    for side in ("chosen", "rejected"):
        given = getattr(inputs, side)
        if given is not None:
            base.Template._add_default_tags(given)
            told[side] = {
                "system": given.system,
                "messages": given.messages,
                "images": [path(one) for one in given.images],
            }
    return told


def path(image: Any) -> Any:
    """What an image of ms-swift's refers to."""
    return image.get("path") if isinstance(image, dict) else image  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def main(file: str) -> None:
    """Load, and take apart as its templates do."""
    dataset: Any = import_module("swift.dataset")
    inputs: Any = import_module("swift.template.template_inputs")
    vision: Any = import_module("swift.template.vision_utils")
    rows, _ = dataset.load_dataset([file], strict=True, load_from_cache_file=False)
    told: list[dict[str, Any]] = []
    for row in rows:
        given = {key: value for key, value in row.items() if value is not None}
        taken = sides(inputs.TemplateInputs.from_dict(given))
        for side in taken.values():
            side["sizes"] = [vision.load_image(image).size for image in side["images"]]
        told.append(taken)
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
