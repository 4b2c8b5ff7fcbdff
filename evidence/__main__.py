"""``python -m evidence NAME [--full]``: exit 0 if the claim holds, 1 if it falls short."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path


def names() -> list[str]:
    """Return the claims that there are."""
    here = Path(__file__).parent
    stems = (path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))
    return sorted(stem.replace("_", "-") for stem in stems)


def main() -> int:
    """Run one claim and print its last line."""
    parser = argparse.ArgumentParser(prog="python -m evidence", description=__doc__)
    parser.add_argument("name", choices=names(), metavar="NAME", help=", ".join(names()))
    parser.add_argument("--full", action="store_true", help="the whole figure, not the short form")
    chosen = parser.parse_args()
    module = importlib.import_module(f"evidence.{chosen.name.replace('-', '_')}")
    outcome = module.run(full=chosen.full)
    print(outcome.line(chosen.name), flush=True)
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
