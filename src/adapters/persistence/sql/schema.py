"""All tables together: whoever needs every one of them imports this."""

from __future__ import annotations

from . import control_tables, order_tables, tables
from .columns import Base

__all__ = ["Base", "control_tables", "order_tables", "tables"]
