"""Checkpoints are read as they were written, whatever wrote them."""

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from tfsr.convert.checkpoint import read, state_dict
from tfsr.errors import UserError

KINDS = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
COMPLEX = ["complex64", "complex128"]
MEGABYTE = 2**20


def numbers(shape, kind: str = "float32", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 10, shape).astype(kind)


@st.composite
def views(draw) -> np.ndarray:
    """Parts of storages, with their axes in any order."""
    kind = draw(st.sampled_from(KINDS + COMPLEX))
    shape = draw(stnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    size = int(np.prod(shape))
    storage = numbers(before + size + after, kind, draw(st.integers(0, 9)))
    view = storage[before : before + size].reshape(shape)
    steps = [draw(st.integers(1, 3)) for _ in shape]
    view = view[tuple(slice(None, None, step) for step in steps)] if shape else view
    return view.transpose(draw(st.permutations(range(view.ndim))))


@pytest.mark.parametrize("form", ["zip", "stream"])
@given(arrays=st.lists(views(), max_size=4))
def test_tensors_are_what_they_were(tmp_path_factory, writing, form, arrays):
    content = {"step": 3, "state_dict": dict(zip("abcd", arrays, strict=False))}
    content["state_dict"]["always"] = numbers([2])
    path = tmp_path_factory.mktemp("form") / "model.bin"
    found = read(getattr(writing, form)(path, content)).state_dict("state_dict")
    assert list(found) == list(content["state_dict"])
    for name, array in content["state_dict"].items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@given(arrays=st.lists(views().filter(lambda x: x.dtype.name != "complex128"), min_size=1))
def test_safetensors_are_what_they_were(tmp_path_factory, writing, arrays):
    path = tmp_path_factory.mktemp("form") / "model.bin"
    content = {f"layer.{number}": array for number, array in enumerate(arrays)}
    found = read(writing.safetensors(path, content)).tensors
    assert list(found) == list(content)
    for name, array in content.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("form", ["zip", "stream", "safetensors"])
def test_bfloat16_is_float32(tmp_path, writing, form):
    values = np.array([[1, -2.5, 0], [np.inf, 2**-130, 3e38]], np.float32)
    halves = (values.view(np.uint32) >> 16).astype(np.uint16)
    path = getattr(writing, form)(tmp_path / "a", {"x": writing.BFloat16(halves)})
    (found,) = read(path).tensors.values()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (halves.astype(np.uint32) << 16).view(np.float32))


def test_numbers_of_the_other_order_of_bytes(tmp_path, writing):
    content = {"a": numbers([3, 4]), "b": np.arange(5)}
    found = read(writing.zip(tmp_path / "a", content, order="big")).tensors
    for name, array in content.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_tensors_of_one_storage_share_memory(tmp_path, writing, write):
    storage = numbers([12])
    content = {"a": storage[:6].reshape(2, 3), "b": storage[3:9], "c": storage, "d": numbers([12])}
    found = read(write(tmp_path / "a", content)).tensors
    assert np.shares_memory(found["a"], found["b"])
    assert np.shares_memory(found["b"], found["c"])
    assert not np.shares_memory(found["c"], found["d"])
    with pytest.raises(ValueError, match="read-only"):
        found["a"][0] = 1


def test_a_parameter_is_its_tensor(tmp_path, writing, write):
    storage = numbers([4])
    parameter = writing.Name("torch._utils", "_rebuild_parameter")
    hooks = writing.Call(writing.Name("collections", "OrderedDict"), ())
    content = {"a": writing.Call(parameter, (storage, True, hooks))}
    np.testing.assert_array_equal(read(write(tmp_path / "a", content)).tensors["a"], storage)


def test_a_tensor_with_attributes_is_its_tensor(tmp_path, writing, write):
    rebuilt = writing.tensor("float32", "0", 4, 0, (4,), (1,))
    of_type = writing.Name("torch._tensor", "_rebuild_from_type_v2")
    kind = writing.Name("torch.nn.parameter", "Parameter")
    storage = numbers([4])
    arguments = rebuilt.function, kind, rebuilt.arguments, {"tag": 1}
    content = {"first": storage, "a": writing.Call(of_type, arguments)}
    np.testing.assert_array_equal(read(write(tmp_path / "a", content)).tensors["a"], storage)


def test_what_else_lies_in_checkpoints(tmp_path, writing, write):
    Name, Call = writing.Name, writing.Call
    weights = Call(Name("collections", "OrderedDict"), ())
    callback = Name("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
    scalar = Call(
        Name("numpy.core.multiarray", "scalar"),
        (Call(Name("numpy", "dtype"), ("f8", False, True)), b"12345678"),
    )
    content = {
        "epoch": 3,
        "state_dict": {"w": numbers([2])},
        "empty": Call(weights.function, (), {"_metadata": {"": {"version": 1}}}),
        "hparams": Call(Name("argparse", "Namespace"), (), {"rate": 48000}),
        "folder": Call(Name("pathlib", "PosixPath"), ("/", "home")),
        "device": Call(Name("torch", "device"), ("cuda", 0)),
        "size": Call(Name("torch", "Size"), ((2, 3),)),
        "kind": Name("torch", "float32"),
        "callbacks": {callback: {"best": scalar, "set": Call(Name("__builtin__", "set"), ([1],))}},
        "optimizer_states": [{"state": {0: {"exp_avg": numbers([2]), "step": 7}}}],
    }
    found = read(write(tmp_path / "a", content))
    assert found.content["epoch"] == 3
    assert found.content["empty"] == {}
    assert found.content["size"] == (2, 3)
    assert found.content["hparams"].name == "argparse.Namespace"
    assert found.content["hparams"].state == {"rate": 48000}
    assert str(found.content["kind"]) == "torch.float32"
    assert list(found.tensors) == ["state_dict.w", "optimizer_states.0.state.0.exp_avg"]
    assert list(found.state_dict("state_dict")) == ["w"]
    assert list(state_dict(found.content, "optimizer_states")) == ["0.state.0.exp_avg"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_of_every_protocol(tmp_path, writing, protocol):
    plain = {"a": [1, -1, 2**40, 2**90, 0.5, None, True], ("b", 1): {"c": (1, (2,), "ö")}}
    plain |= {"long": "x" * 300, "list": [2] * 300, "bytes": b"\x00\xff" if protocol > 2 else ""}
    plain |= {"sets": [{1}, frozenset([2])]} if protocol > 3 else {}
    raw = writing.Raw(pickle.dumps(plain, protocol)[2:-1])
    assert read(writing.zip(tmp_path / "a", raw)).content == plain


def test_parts_are_asked_for_by_name(tmp_path, writing, write):
    path = write(tmp_path / "a.ckpt", {"model": {"w": numbers([2])}, "epoch": 1})
    with pytest.raises(UserError, match=r"a\.ckpt: has no \"generator\", but 'model', 'epoch'$"):
        read(path).state_dict("generator")
    with pytest.raises(UserError, match="has no tensors there, but a int$"):
        read(path).state_dict("epoch")


def test_two_tensors_of_one_name_are_refused(tmp_path, writing, write):
    path = write(tmp_path / "a", {"x": {"y": numbers([2])}, "x.y": numbers([2])})
    with pytest.raises(UserError, match="has two tensors of the name 'x.y'"):
        _ = read(path).tensors


@pytest.mark.parametrize("form", ["zip", "stream", "safetensors"])
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_reading_takes_little_more_memory_than_the_weights(tmp_path, writing, form, kind):
    halves = np.zeros(MEGABYTE * 5 // 2, np.uint16)
    each = writing.BFloat16(halves) if kind == "bfloat16" else halves[::2].astype(np.float32)
    arrays = {str(number): each for number in range(10)}
    if kind == "float32":
        arrays = {name: each + float(name) for name in arrays}
    else:
        arrays = {name: writing.BFloat16(halves + int(name)) for name in arrays}
    path = getattr(writing, form)(tmp_path / "a", arrays)
    assert path.stat().st_size >= 50 * MEGABYTE
    del arrays, each, halves
    tracemalloc.start()
    try:
        found = read(path).tensors
        weights, peak = sum(x.nbytes for x in found.values()), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 10
    assert peak < 1.2 * weights


def test_only_the_part_that_is_asked_for_is_read(tmp_path, writing, write):
    content = {"model": {"w": numbers([1000])}, "optimizer": numbers([MEGABYTE])}
    path = write(tmp_path / "a", content)
    tracemalloc.start()
    try:
        read(path).state_dict("model")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTE
