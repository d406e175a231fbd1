"""The weights that authors of published systems released, in this package's networks."""
