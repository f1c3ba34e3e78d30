"""Calls of exports: arguments in text, results in text."""
