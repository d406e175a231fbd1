"""Prepare a corpus on a cluster whose machines all see its folders."""

from collections.abc import Callable, Sequence
from typing import Any

from tfsr.cluster.beam import Cluster
from tfsr.data.shards import Shard, ShardWriter


class _Preparation:
    """The work of a cluster, see `tfsr.cluster.beam.Work`. An element is a shard."""

    def __init__(self, writer: ShardWriter):
        self._writer = writer

    def elements(self, shard: Shard) -> list[Shard]:
        return [shard]

    def start(self) -> ShardWriter:
        return self._writer

    def process(self, shard: Shard, writer: ShardWriter) -> tuple[int, int]:
        writer(shard)
        return 0, shard.number

    def collect(self, group: int, made: Sequence[Any]) -> None:
        """Nothing: each shard has its rows beside it."""


def on(cluster: Cluster) -> Callable[[ShardWriter, Sequence[Shard]], None]:
    """Writes shards on a cluster; it is for `tfsr.data.shards.prepare`."""
    return lambda writer, shards: cluster.run(_Preparation(writer), shards)
