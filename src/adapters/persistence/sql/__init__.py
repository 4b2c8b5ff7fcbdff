"""The journal and the model registry over SQLAlchemy."""

from .registry import SqlModelRegistry
from .store import SqlStore, SqlUnitOfWork, ThrowawaySqlStore

__all__ = ["SqlModelRegistry", "SqlStore", "SqlUnitOfWork", "ThrowawaySqlStore"]
