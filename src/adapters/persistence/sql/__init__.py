"""The journal over SQLAlchemy."""

from .store import SqlStore, SqlUnitOfWork, ThrowawaySqlStore

__all__ = ["SqlStore", "SqlUnitOfWork", "ThrowawaySqlStore"]
