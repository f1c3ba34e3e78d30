"""The actions of others that a written workflow uses, each by its commit.

The commits are those that the tags of these versions name in the actions' own repositories.
"""

__all__ = ["CHECKOUT", "SETUP_PYTHON"]

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
SETUP_PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0"
