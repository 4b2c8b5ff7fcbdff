"""One page with one figure, in a single file that asks the network for nothing."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any


def write_page(path: Path, title: str, text: str, figure: Any) -> Path:  # noqa: ANN401  plotly
    """Write a plotly figure with its title and a paragraph; return the absolute path."""
    drawn = figure.to_html(full_html=False, include_plotlyjs=True)
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{html.escape(title)}</title>"
        "<body style='font-family:sans-serif;max-width:60rem;margin:2rem auto'>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{drawn}</body></html>"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path.absolute()
