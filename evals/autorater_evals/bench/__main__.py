"""The command: run benches, print every figure beside its bar."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

from autorater_evals.bench import memory, orchestration, replaying, reporting, starting
from autorater_evals.bench.figures import Figure, describe_machine, table

BENCHES: dict[str, Callable[[bool], list[Figure]]] = {
    "orchestration": orchestration.measure,
    "throughput": orchestration.measure_against_bare,
    "replay": replaying.measure,
    "memory": memory.measure,
    "starting": starting.measure,
    "embedded": starting.measure_embedded,
    "statistics": reporting.measure,
}


def main(arguments: list[str] | None = None) -> None:
    """Run the named benches; the exit status says nothing of the bars, since a busy machine misses them."""
    parser = argparse.ArgumentParser(prog="python -m autorater_evals.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=[*BENCHES, "all"], metavar="NAME", help=f"{', '.join(BENCHES)}, all"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that the benches run, not how fast")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout and nothing else there")
    told = parser.parse_args(arguments)
    found: list[Figure] = []
    for name in BENCHES if "all" in told.names else dict.fromkeys(told.names):
        start = time.perf_counter()
        found += BENCHES[name](told.quick)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    machine = describe_machine()
    if told.json:
        print(
            json.dumps({"machine": machine, "quick": told.quick, "figures": [asdict(item) for item in found]}, indent=2)
        )
    else:
        print(f"{machine}{'; quick sizes' if told.quick else ''}\n\n{table(found)}")


if __name__ == "__main__":
    main()
