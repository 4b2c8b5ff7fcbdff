"""The journal over SQLAlchemy."""

from .store import SqlStore, SqlUnitOfWork

__all__ = ["SqlStore", "SqlUnitOfWork"]
