"""Alembic's folder: `env.py` connects it, `versions/` holds the revisions, written by hand (see decisions.md)."""
