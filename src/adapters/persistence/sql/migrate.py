"""Bringing a database to the tables that this version knows."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from ....domain.errors import StorageError
from .engine import WRITING, place_of, translated

HEAD = "0006"
"""The newest revision; a test holds it to the scripts."""

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Create or upgrade the tables, in one transaction.

    Raises:
        StorageError: If the database was written by a newer mettle, or cannot be written.
    """
    name = place_of(engine)
    with translated(engine):
        with engine.connect() as connection:
            if _revision(connection) == HEAD:
                return
        with engine.connect() as fresh:
            connection = fresh.execution_options(**{WRITING: True})
            with connection.begin():
                _upgrade(connection, name)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(connection: Connection, name: str) -> None:
    # Imported here: most runs find the tables up to date and need none of it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = _revision(connection)
    if current == HEAD:
        return
    if current is not None and current not in known:
        raise StorageError(
            f"{name} is at revision {current}, newer than this mettle knows ({HEAD})",
            mend="upgrade mettle, or name another database or workspace",
        )
    command.upgrade(config, "head")
