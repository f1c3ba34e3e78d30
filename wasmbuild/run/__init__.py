"""The sandbox: a guest gets its arguments, the standard streams, a clock and randomness, and nothing else."""
