"""Keeping secrets secret and finding out who asks."""
