"""What alembic runs to bring a database up to date."""
