"""Who asks, what they may do, and the one place that says so."""
