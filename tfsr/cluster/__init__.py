"""Many recordings on many machines, by Apache Beam.

`beam` alone imports Beam: its runners, and its file systems. `inputs` finds recordings, local or
in a bucket. `bulk` is what workers do with each, and what a folder of outputs holds. `prepared`
writes the shards of a corpus.
"""
