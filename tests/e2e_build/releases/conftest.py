"""Releases that take more time than the main suite has."""

from tests.unit.release.conftest import pair, place, project

__all__ = ["pair", "place", "project"]
