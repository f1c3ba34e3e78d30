"""The parts of ``benchmarks/claims.py``: each measures one claim and returns a section of the report."""
