"""Starting: the import, the help, the first embedded judgment; each in a fresh process, the least of several."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autorater_evals.bench.figures import Figure

HEAVY = ("torch", "onnxruntime", "openai", "anthropic", "scipy", "transformers")


def measure(quick: bool) -> list[Figure]:
    """The import and the help, and that the import brings nothing heavy."""
    rounds = 2 if quick else 9
    nothing = _least(["-c", "pass"], rounds)
    imported = _least(["-c", "import autorater"], rounds)
    judge = _least(["-c", "from autorater import AutoRater"], rounds)
    helped = _least(["-m", "autorater", "--help"], rounds)
    code = f"import sys, json, autorater; print(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    brought: list[str] = json.loads(told.stdout)
    note = f"least of {rounds}; Python alone takes {nothing:.3f} s"
    return [
        Figure("import autorater", imported, "s", 0.3, "lower", note),
        Figure("from autorater import AutoRater", judge, "s", None, "lower", note),
        Figure("autorater --help", helped, "s", 0.4, "lower", note),
        Figure("heavy packages that the import brings", len(brought), "of 6", 0, "lower", f"of {', '.join(HEAVY)}"),
    ]


def measure_embedded(quick: bool) -> list[Figure]:
    """`autorater compare` of two photographs with the embedded judge and no cache, from a cold process."""
    from PIL import Image
    from skimage import data  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    with tempfile.TemporaryDirectory() as folder:
        names: list[str] = []
        for name in ("astronaut", "coffee"):
            names.append(str(Path(folder) / f"{name}.png"))
            Image.fromarray(getattr(data, name)()).save(names[-1])  # pyright: ignore[reportUnknownArgumentType]
        command = ["-m", "autorater", "compare", *names, "--prompt", "a photograph", "--no-cache", "--json"]
        rounds = 1 if quick else 3
        seconds = _least(command, rounds)
    note = f"a cold process, two photographs, nothing remembered; least of {rounds}"
    return [Figure("first embedded judgment", seconds, "s", None, "lower", note)]


def _least(arguments: list[str], rounds: int) -> float:
    taken: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return min(taken)
