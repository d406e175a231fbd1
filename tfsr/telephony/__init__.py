"""Widen calls of a telephone exchange while they last."""
