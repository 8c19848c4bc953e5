"""`python -m autorater_evals.report.measure`: the report of many synthetic items, its size, and how the page behaves.

Times are of this machine; the page has to stay usable, so that the longest task of its main thread counts most.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from autorater_evals.report.chromium import Browser, Tab
from autorater_evals.report.page import write_page
from autorater_evals.report.scored import open_scored
from autorater_evals.report.synthetic import write_synthetic

_WATCH = """(() => {
  window.tasks = [];
  new PerformanceObserver((list) => list.getEntries().forEach((one) => tasks.push(one.duration)))
    .observe({ type: "longtask", buffered: true });
})()"""
_PAUSE = "new Promise((done) => setTimeout(done, 400))"
_SCROLL = """new Promise((done) => {
  const list = document.getElementById("list");
  let steps = 0;
  const move = () => {
    list.scrollTop += 37 * ++steps;
    if (steps < 180) requestAnimationFrame(move); else done(list.scrollTop);
  };
  requestAnimationFrame(move);
})"""
_FILTER = """(() => {
  const start = performance.now();
  const choice = document.getElementById("choose-agreement");
  choice.value = "d";
  choice.dispatchEvent(new Event("change"));
  return performance.now() - start;
})()"""
_SEARCH = """new Promise((done) => {
  const start = performance.now();
  const told = {};
  const box = document.getElementById("search");
  const line = document.getElementById("found");
  line.textContent = "";
  box.value = "lantern stones";
  box.dispatchEvent(new Event("input"));
  const look = () => {
    const text = line.textContent;
    if (told.first === undefined && text) told.first = performance.now() - start;
    if (told.first !== undefined && !text.includes("searching") && performance.now() - start > 400) {
      told.whole = performance.now() - start;
      told.found = text;
      done(told);
    } else setTimeout(look, 20);
  };
  look();
})"""


def main(arguments: list[str] | None = None) -> None:
    """Make the report, open it, and print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--side", type=int, default=512, help="pixels a side of the synthetic pictures")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the runs and the report here, and take runs that are there")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        told = measure(given.folder or Path(folder), items=given.items, side=given.side, runs=given.runs)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


def measure(folder: Path, *, items: int, side: int = 512, runs: int = 1) -> dict[str, Any]:
    """What the report of so many items takes, and how its page behaves; times in milliseconds."""
    folders = [folder / f"run-{number}" for number in range(runs)]
    for number, one in enumerate(folders):
        if not one.exists():
            write_synthetic(one, items=items, side=side, seed=number, name=f"synthetic:{number}")
    page, start = folder / "report.html", time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    written = write_page(page, open_scored(folders), title="Measured")
    made = {
        "items": written.items,
        "pictures": written.pictures,
        "side": written.side,
        "left_out": written.left_out,
        "megabytes": round(written.bytes / 1e6, 1),
        "seconds_to_write": round(time.perf_counter() - start, 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "peak_memory_before_mib": before // 1024,
    }
    with Browser(patience=180) as browser:
        return made | {"opening": _opening(browser, page), "using": _using(browser, page)}


def _opening(browser: Browser, page: Path) -> dict[str, Any]:
    tab = browser.open(page)
    tab.wait("document.documentElement.dataset.ready")
    tab.wait("document.readyState === 'complete'")
    tab.run(_WATCH)
    tab.run(_PAUSE)
    told = tab.run(
        "({first_paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,"
        " interactive: Number(document.documentElement.dataset.ready),"
        " whole: performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,"
        " longest_task: Math.max(0, ...tasks),"
        " memory_mib: performance.memory.usedJSHeapSize / 2 ** 20})"
    )
    tab.close()
    return _rounded(told)


def _using(browser: Browser, page: Path) -> dict[str, Any]:
    tab = browser.open(page, mark="items")
    tab.wait("document.readyState === 'complete'")
    tab.wait("document.querySelector('#detail h2')")
    tab.run(_PAUSE)
    tab.run(_WATCH)
    found: dict[str, dict[str, Any]] = {}
    for name, script in (("scroll", _SCROLL), ("filter", _FILTER), ("search", _SEARCH)):
        tab.run("tasks.length = 0")
        value = tab.run(script)
        tab.run(_PAUSE)
        found[name] = {"longest_task": _longest(tab)} | (value if isinstance(value, dict) else {"value": value})
    tab.run("tasks.length = 0")
    start = time.perf_counter()
    for _ in range(40):
        tab.press("j")
    found["forty_items_by_key"] = {"longest_task": _longest(tab), "value": 1000 * (time.perf_counter() - start)}
    return {name: _rounded(value) for name, value in found.items()} | {"complaints": tab.complaints()}


def _longest(tab: Tab) -> float:
    return tab.run("Math.max(0, ...tasks)")


def _rounded(told: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in told.items()}


if __name__ == "__main__":
    main()
