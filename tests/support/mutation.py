"""Mutation testing of the order path's domain: ``make mutation``.

mutmut mutates a copy of the tree under build/mutation, where ``src`` lies as the package ``mettle``
that the tests import: in the checkout itself an editable install would bring the tests the code as
it is, and every mutant would live. A conftest in the copy refuses to run on anything else.

Results are kept between calls: mutants that were killed stay so, as tests are only added, and
``--again`` asks the survivors once more after the tests have changed. ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAGE = ROOT / "build" / "mutation"
AREAS = ("orders", "ledger", "risk")
TESTS = (
    "tests/unit/test_breaker_life.py",
    "tests/unit/test_fill_and_side.py",
    "tests/unit/test_order_states.py",
    "tests/unit/test_order_plan.py",
    "tests/unit/test_order_terms.py",
    "tests/unit/test_ledger.py",
    "tests/unit/test_ledger_entries.py",
    "tests/unit/test_portfolio.py",
    "tests/unit/test_risk_breakers.py",
    "tests/unit/test_risk_edges.py",
    "tests/unit/test_risk_engine.py",
    "tests/unit/test_risk_profiles.py",
    "tests/unit/test_risk_sizes.py",
    "tests/property/test_ledger_outside.py",
    "tests/property/test_ledger_properties.py",
    "tests/property/test_order_plan_properties.py",
    "tests/property/test_risk_properties.py",
)
EXAMPLES = 8
"""So many examples a property plays against each mutant."""
TARGET = 85.0

_RUN = """
import sys
# The finder of an editable install would bring the tests the code as it is.
sys.meta_path = [one for one in sys.meta_path if "_editable" not in type(one).__module__]
for name in [one for one in sys.modules if one.partition(".")[0] == "mettle"]:
    del sys.modules[name]
from mutmut.__main__ import cli
cli()
"""

_CONFTEST = '''"""Refuse to test anything but the mutants; play the same examples against each."""

from pathlib import Path

import mettle.domain.orders.plan as plan
from hypothesis import settings

settings.register_profile("mutation", derandomize=True, database=None, deadline=None)
settings.load_profile("mutation")
assert Path(plan.__file__).is_relative_to(Path(__file__).parent / "src"), plan.__file__
'''

_KILLED = frozenset({1, 3})
_TIMED_OUT = frozenset({-24, 24, 36, 152, 255})
"""Exit codes as mutmut has them; every other one is no proof of a kill."""


def stage(*, fresh: bool) -> None:
    """Lay out the copy: sources as the package, tests with fewer examples, configuration."""
    if fresh:
        shutil.rmtree(STAGE, ignore_errors=True)
    for part in ("src/mettle", "tests"):
        shutil.rmtree(STAGE / part, ignore_errors=True)
    skipped = shutil.ignore_patterns("__pycache__")
    package = STAGE / "src" / "mettle"
    shutil.copytree(ROOT / "src", package, ignore=skipped)
    shutil.copytree(ROOT / "tests" / "support", STAGE / "tests" / "support", ignore=skipped)
    for test in TESTS:
        (STAGE / test).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / test, STAGE / test)
    init = (package / "package.py.in").read_text("utf-8").replace("${version}", "0")
    (package / "__init__.py").write_text(init, "utf-8")
    for file in (STAGE / "tests" / "property").glob("*.py"):
        text = re.sub(r"max_examples=\d+", f"max_examples={EXAMPLES}", file.read_text("utf-8"))
        file.write_text(text, "utf-8")
    (STAGE / "conftest.py").write_text(_CONFTEST, "utf-8")
    (STAGE / "pyproject.toml").write_text(_configuration(), "utf-8")


def _configuration() -> str:
    mutated = [f"src/mettle/domain/{area}/*" for area in AREAS]
    return f"""\
[tool.mutmut]
source_paths = ["src/"]
only_mutate = {json.dumps(mutated)}
also_copy = ["tests/", "conftest.py"]
pytest_add_cli_args = ["-q", "-x", "-p", "no:cacheprovider"]
timeout_multiplier = 5.0
pytest_add_cli_args_test_selection = ["tests/unit/", "tests/property/"]

[tool.pytest.ini_options]
pythonpath = ["."]
addopts = ["--import-mode=importlib"]
filterwarnings = ["error"]
"""


def mutmut(*arguments: str, quiet: bool = False) -> str:
    """Run mutmut in the copy and return what it said."""
    command = [sys.executable, "-c", _RUN, *arguments]
    output = subprocess.PIPE if quiet else None
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, cwd=STAGE, stdout=output, text=True, check=not quiet, env=environment
    )
    return done.stdout or ""


def results() -> dict[str, dict[str, int | None]]:
    """Return the exit code of the tests for each mutant, module by module."""
    found = {}
    folder = STAGE / "mutants" / "src" / "mettle" / "domain"
    for path in sorted(folder.glob("*/*.meta")):
        codes = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        if codes:
            found[f"domain/{path.parent.name}/{path.name.removesuffix('.py.meta')}"] = codes
    return found


def survivors() -> Iterator[str]:
    """Yield the mutants that no test killed."""
    for codes in results().values():
        yield from (name for name, code in codes.items() if _verdict(code) == "survived")


def _verdict(code: int | None) -> str:
    if code is None:
        return "open"
    if code in _KILLED:
        return "killed"
    return "timeout" if code in _TIMED_OUT else "survived"


def _counts(codes: Iterable[int | None]) -> Counter[str]:
    return Counter(_verdict(code) for code in codes if code is not None)


def table() -> tuple[list[str], dict[str, float]]:
    """Return the Markdown table, and the score of each area in percent."""
    lines = [
        "| module | mutants | killed | by time-out | survived | score |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    scores, everything = {}, Counter[str]()
    for area in AREAS:
        whole = Counter[str]()
        for module, codes in results().items():
            if module.split("/")[1] == area:
                counts = _counts(codes.values())
                whole += counts
                if counts.total():
                    lines.append(_row(f"`{module}`", counts))
        everything += whole
        if whole.total():
            scores[area] = _score(whole)
            lines.append(_row(f"**domain/{area}**", whole))
    return [*lines, _row("**all**", everything)], scores


def _score(counts: Counter[str]) -> float:
    return 100 * (1 - counts["survived"] / counts.total()) if counts.total() else 0.0


def _row(name: str, counts: Counter[str]) -> str:
    cells = (counts.total(), counts["killed"], counts["timeout"], counts["survived"])
    return f"| {name} | {' | '.join(map(str, cells))} | {_score(counts):.1f} % |"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def explain() -> None:
    """Write every survivor's change to build/mutation/survivors.diff."""
    with (STAGE / "survivors.diff").open("w", encoding="utf-8") as file:
        for name in survivors():
            file.write(f"# {name}\n{mutmut('show', name, quiet=True)}\n")
    _say(f"survivors: {(STAGE / 'survivors.diff').relative_to(ROOT)}")


def main() -> int:
    """Run, print the table, and fail under the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="*", help="mutants by name, such as 'mettle.domain.risk*'")
    parser.add_argument("--fresh", action="store_true", help="forget every result")
    parser.add_argument("--again", action="store_true", help="ask the survivors once more")
    parser.add_argument("--slice", type=int, help="only the n-th mutant of each function")
    parser.add_argument("--explain", action="store_true", help="write the survivors down as diffs")
    options = parser.parse_args()
    stage(fresh=options.fresh)
    patterns = options.pattern
    if options.again:
        patterns = list(survivors())
    if options.slice:
        patterns = [f"{one}__mutmut_{options.slice}" for one in patterns or ["*"]]
    mutmut("run", "--max-children", "1", *patterns)
    lines, scores = table()
    moment = f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores"
    _say("\n".join(["", *lines, "", f"{moment}, Python {platform.python_version()}"]))
    if options.explain:
        explain()
    worst = min(scores.values(), default=0.0)
    verdict = "holds" if worst >= TARGET else "falls short"
    _say(f"mutation: {worst:.1f} % in the worst area (target ≥ {TARGET:g} %) {verdict}")
    return 0 if worst >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
