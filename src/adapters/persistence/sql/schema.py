"""All tables together: whoever needs every one of them imports this."""

from __future__ import annotations

from . import campaign_tables, control_tables, order_tables, registry_tables, tables
from .columns import Base

_BY_NAME = {row.class_.__tablename__: row.class_ for row in Base.registry.mappers}
ROWS: tuple[type[Base], ...] = tuple(_BY_NAME[table.name] for table in Base.metadata.sorted_tables)
"""Parents first."""

__all__ = [
    "ROWS",
    "Base",
    "campaign_tables",
    "control_tables",
    "order_tables",
    "registry_tables",
    "tables",
]
