"""Check that a SavedModel's graph only computes, without access to files or programs."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.framework import attr_value_pb2, node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tfsr.errors import UserError

# Of the operations that have a state, those of variables, control flow, checks and random numbers.
_HARMLESS = {
    *("AssignVariableOp", "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VarHandleOp"),
    *("VariableShape", "Case", "If", "StatefulPartitionedCall", "While", "Assert", "CheckNumerics"),
    *("CheckNumericsV2", "Empty", "GuaranteeConst", "RandomStandardNormal", "RandomUniform"),
    *("RandomUniformInt", "StatelessRandomGetAlg", "TruncatedNormal"),
}
# Of those that have none, the ones that read or write files, or run what others wrote.
_ON_FILES = re.compile("Copy|Dataset|Debug|File|PyFunc|Reader|Snapshot|Table|Tpu|TPU|TRT|Xla|^_")


def require_harmless(folder: str | os.PathLike) -> None:
    """Check that a SavedModel only computes, before TensorFlow opens it.

    Only the functions of the SavedModel's objects run, and functions that these call. Other parts
    of its graph, such as the operations that write a checkpoint, are never called.

    Raises:
        UserError: a function could do more than compute.
    """
    path = Path(folder) / "saved_model.pb"
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except DecodeError as error:
        raise UserError(f"{path}: is damaged; copy or export it again") from error
    found = {node.op for graph in model.meta_graphs for node in _run(graph)}
    if strange := sorted(name for name in found if not _is_harmless(name)):
        raise UserError(
            f"{folder}: is not opened, because its graph does more than compute "
            f"({', '.join(strange[:3])[:80]}); ask its author, or use a TensorFlow Lite file"
        )


def _is_harmless(name: str) -> bool:
    known = op_def_registry.get(name)
    if known is None or _ON_FILES.search(name):
        return False
    return not known.is_stateful or name in _HARMLESS


def _run(graph: meta_graph_pb2.MetaGraphDef) -> Iterator[node_def_pb2.NodeDef]:
    """The nodes of all functions that can be called."""
    functions = {one.signature.name: one for one in graph.graph_def.library.function}
    waiting, seen = list(graph.object_graph_def.concrete_functions), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in functions[name].node_def:
            if node.op in functions:
                waiting.append(node.op)
            else:
                yield node
            for value in node.attr.values():
                waiting += [one.name for one in _functions(value)]


def _functions(value: attr_value_pb2.AttrValue) -> list:
    return [*value.list.func, *([value.func] if value.HasField("func") else [])]
