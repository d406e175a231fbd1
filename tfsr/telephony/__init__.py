"""Calls of a telephone exchange, widened while they last."""
