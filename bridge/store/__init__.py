"""Durable state: SQLAlchemy Core over SQLite or PostgreSQL. The only package that speaks SQL."""
