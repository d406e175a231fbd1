"""Files that were made to do harm, or were harmed: one line for the user, and nothing is run."""

import io
import os
import pickle
import struct
import sys
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.convert import known_globals, pickled
from tfsr.convert.checkpoint import read
from tfsr.convert.tensors import Storage, Tensor
from tfsr.errors import UserError

MEGABYTE = 2**20


def refused(path, match: str) -> str:
    """The message, which is one line and names the file."""
    with pytest.raises(UserError, match=match) as caught:
        _ = read(path).tensors
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 400
    return message


class Harm:
    """What pickle would call, with all of its arguments."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, eval, exec, getattr, __import__, open])
def test_what_a_pickle_calls_is_refused_and_not_run(tmp_path, writing, write, function, protocol):
    trace = tmp_path / "trace"
    argument = f"touch {trace}" if function is os.system else f"open({str(trace)!r}, 'w')"
    arguments = (str(trace), "w") if function is open else (argument,)
    raw = pickle.dumps({"a": Harm(function, *arguments)}, protocol)[2:-1]
    message = refused(write(tmp_path / "a", writing.Raw(raw)), "which tfsr refuses")
    assert function.__name__ in message
    assert not trace.exists()


NAMES = [
    *("os.system", "posix.system", "nt.system", "subprocess.Popen", "builtins.eval"),
    *("builtins.getattr", "builtins.__import__", "__builtin__.eval", "operator.attrgetter"),
    *("functools.partial", "torch.load", "torch.serialization.load", "torch.hub.load"),
    *("torch.jit.load", "torch._utils._import_dotted_name", "torch.nn.modules.linear.Linear"),
    *("numpy.load", "numpy.core.multiarray._reconstruct.eval", "pickle.loads", "sys.exit"),
    *("collections.OrderedDict.fromkeys", "collections.namedtuple", "runpy.run_path"),
    *("argparse.Namespace.__class__", "torch.FloatStorage.from_file", "torch.optim.os.system"),
    *("torch._utils._rebuild_tensor_v2.__globals__", "pytorch_lightning.os.system"),
    *("omegaconf.sys.modules", "lightning.pytorch.cli.run", "webbrowser.open", "a\tb.c\x1b[2J"),
    *(
        "tfsr.convert.known_globals._tensor",
        "copyreg.__newobj__",
        "builtins.type",
        "m." + "x" * 4000,
    ),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by_stack", [False, True])
def test_names_are_refused(tmp_path, writing, name, by_stack):
    module, _, last = name.rpartition(".")
    value = writing.Name(module, last)
    if by_stack:
        strings = (pickle.dumps(text, 2)[2:-1] for text in (module, last))
        value = writing.Raw(b"".join(strings) + b"\x93")
    message = refused(writing.zip(tmp_path / "a", [value]), "which tfsr refuses")
    assert repr(name[:120]) in message
    assert "\x1b" not in message


def test_a_name_in_parts_is_not_put_together(tmp_path, writing):
    # `torch._utils` has an attribute `torch`, and so on: pickle follows dots in names.
    value = writing.Raw(b"\x8c\x0ctorch._utils\x8c\x0fsys.modules.get\x93")
    refused(writing.zip(tmp_path / "a", value), "'torch._utils.sys.modules.get'")


def test_a_harmless_name_runs_nothing(tmp_path, writing):
    imported = set(sys.modules)
    path = writing.Call(writing.Name("pathlib", "PosixPath"), (str(tmp_path),))
    lightning = writing.Call(writing.Name("pytorch_lightning.callbacks", "X"), ())
    content = read(writing.zip(tmp_path / "a", [path, lightning])).content
    assert [type(value) for value in content] == [known_globals.Opaque] * 2
    assert set(sys.modules) == imported


def test_nothing_else_is_called(tmp_path, writing):
    Name, Call = writing.Name, writing.Call
    made = Call(Name("argparse", "Namespace"), ())
    for function in (made, "os.system", {"a": 1}, Call(made.function, ()), 3, None):
        refused(
            writing.zip(tmp_path / "a", Call(function, ())), "calls something that is no function"
        )
    for function in ("FloatStorage",):
        refused(writing.zip(tmp_path / "a", Call(Name("torch", function), ())), "is no function")


@pytest.mark.parametrize("name", ["torch.FloatStorage", "torch.Size", "collections.OrderedDict"])
def test_states_change_nothing_of_tfsr(tmp_path, writing, name):
    before = dict(vars(known_globals))
    module, _, last = name.rpartition(".")
    for state in ({"__setstate__": 1, "name": "os.system"}, (None, {"__defaults__": ()})):
        pickled_state = pickle.dumps(state, 2)[2:-1]
        value = writing.Raw(f"c{module}\n{last}\n".encode() + pickled_state + b"b")
        refused(writing.zip(tmp_path / "a", value), f"sets attributes of a {name}, which")
    assert dict(vars(known_globals)) == before


def test_states_of_mappings_are_left_out(tmp_path, writing):
    mapping = writing.Call(
        writing.Name("collections", "OrderedDict"), (), {"items": 1, "__setstate__": 2}
    )
    found = read(writing.zip(tmp_path / "a", {"m": mapping, "w": np.zeros(2)}))
    assert found.content["m"] == {} and list(found.tensors) == ["w"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("float32", "0", 8, 0, (9,), (1,)),
        ("float32", "0", 8, 1, (8,), (1,)),
        ("float32", "0", 8, 8, (), ()),
        ("float32", "0", 8, -1, (2,), (1,)),
        ("float32", "0", 8, 7, (2,), (-1,)),
        ("float32", "0", 8, 0, (-1,), (1,)),
        ("float32", "0", 8, 0, (2, -4), (-4, 1)),
        ("float32", "0", 8, 0, (2, 2), (4, 5)),
        ("float32", "0", 8, 0, (2**40,), (0,)),
        ("float32", "0", 8, 0, (4, 4), (1, 1)),
        ("float32", "0", 8, 0, (3, 2), (1, 2)),
        ("float32", "0", 8, 0, (2**62, 4), (1, 1)),
        ("float32", "0", 8, 0, (2**40, 2**40, 0), (1, 1, 1)),
        ("float32", "0", 8, 0, (2**900,), (1,)),
        ("float32", "0", 8, 2**64, (1,), (1,)),
        ("float32", "0", 8, 0, (2,), (2**62,)),
        ("float32", "0", 8, 0, (2,), (1, 1)),
        ("float32", "0", 8, 0, (1,) * 33, (1,) * 33),
        ("float32", "0", 8, 0, (2.0,), (1,)),
        ("float32", "0", 8, 0, (True,), (1,)),
        ("float32", "0", 8, "0", (2,), (1,)),
        ("float32", "0", 8, 0, [2], [1]),
        ("float32", "0", 8, 0, None, None),
        ("float32", "0", 9, 0, (2,), (1,)),
        ("float32", "0", -1, 0, (2,), (1,)),
        ("float32", "0", 2**62, 0, (2,), (1,)),
        ("float32", "0", 2**900, 0, (2,), (1,)),
        ("float64", "0", 8, 0, (2,), (1,)),
        ("float32", "1", 8, 0, (2,), (1,)),
        ("float32", "../data.pkl", 2, 0, (2,), (1,)),
        ("float32", 0, 8, 0, (2,), (1,)),
    ],
)
def test_tensors_that_reach_beyond_their_storage(tmp_path, writing, write, arguments):
    tensor = writing.tensor(*arguments)
    path = write(tmp_path / "a", {"whole": np.zeros(8, np.float32), "x": tensor})
    refused(path, "has (a|no|another) ")


@given(
    shape=st.lists(st.integers(-1, 5), max_size=4),
    strides=st.lists(st.integers(-1, 9), max_size=4),
    offset=st.integers(-1, 20),
)
@settings(max_examples=300)
def test_no_tensor_shows_other_memory_or_an_element_twice(tmp_path_factory, shape, strides, offset):
    path = tmp_path_factory.getbasetemp() / "numbers"
    if not path.exists():
        np.arange(30, dtype=np.int64).tofile(path)
    strides = (strides + [1] * 4)[: len(shape)]
    try:
        tensor = Tensor(Storage(path, 240), "int64", tuple(shape), tuple(strides), offset)
    except UserError:
        return
    found = tensor.read().ravel()
    assert len(set(found)) == len(found) and set(found) <= set(range(30))


@pytest.mark.parametrize(
    "said",
    [
        *(None, "storage", (), ("storage",), ("module", 1, 2, 3, 4)),
        *(("storage", "torch.FloatStorage", "0", "cpu", 2), ("storage", [], "0", "cpu", 2)),
        ("storage", 1, "0", "cpu", 2, ("0", 1, 1)),
    ],
)
def test_what_is_no_storage(tmp_path, writing, write, said):
    refused(write(tmp_path / "a", [writing.Reference(said)]), "(refers to|has)")


@pytest.mark.parametrize("form", ["zip", "stream", "safetensors"])
def test_files_that_end_early(tmp_path, writing, form):
    whole = getattr(writing, form)(tmp_path / "a", {"x": np.arange(9), "y": np.ones([2, 3])})
    data = whole.read_bytes()
    cut = tmp_path / "cut"
    for size in range(0, len(data), 3):
        cut.write_bytes(data[:size])
        refused(cut, "is|has|ends")


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("form", ["zip", "stream", "safetensors"])
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=200)
def test_files_that_were_changed(tmp_path_factory, writing, form, changes):
    folder = tmp_path_factory.getbasetemp()
    path = getattr(writing, form)(
        folder / form,
        {"x": np.arange(3), "y": [np.ones([2, 3])[0]]}
        if form != "safetensors"
        else {"x": np.arange(3)},
    )
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data)
    try:
        _ = read(path).tensors
    except UserError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@given(data=st.binary(max_size=200))
@settings(max_examples=400)
def test_any_bytes_as_a_pickle(data):
    try:
        pickled.load(io.BytesIO(b"\x80\x02" + data), lambda said: said)
    except UserError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"K\x01r\xff\xff\xff\xff",  # the memo's place 2^32 - 1
        b"\x8e" + struct.pack("<Q", 2**62),  # BINBYTES8
        b"\x96" + struct.pack("<Q", 2**40),  # BYTEARRAY8
        b"\x8b" + struct.pack("<i", 2**31 - 1),  # LONG4
        b"\x95" + struct.pack("<Q", 2**63),  # FRAME
        b"(" * MEGABYTE,
        b")" + b"\x85" * MEGABYTE,  # tuples within tuples
        b"}" + b")" + b"\x85" * MEGABYTE + b"K\x01s",  # as a key, to be hashed
        b"]" + b"]" * 3 * MEGABYTE,
        b"\x8f" * 3 * MEGABYTE,  # sets
        b"U\xff" + b"0" * 255 + b"2" * 3 * MEGABYTE,  # DUP
        b"ccollections\nOrderedDict\n(]("
        + b"K\x01K\x02\x86" * 9999
        + b"etq\x00R"
        + b"ccollections\nOrderedDict\nh\x00R" * 99999,  # copies of copies
    ],
    ids=range(12),
)
def test_pickles_that_ask_for_memory_or_time(tmp_path, writing, raw, monkeypatch):
    monkeypatch.setattr(pickled, "_MOST_INSTRUCTIONS", 100_000)
    path = writing.zip(tmp_path / "a", writing.Raw(raw))
    start = time.process_time()
    tracemalloc.start(1)
    try:
        try:
            _ = read(path).tensors
        except UserError as error:
            assert len(str(error).splitlines()) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50 * MEGABYTE
    assert time.process_time() - start < 20


def test_lists_that_hold_themselves_or_each_other(tmp_path, writing):
    itself = writing.Raw(b"]q\x00h\x00a")
    refused(writing.zip(tmp_path / "a", itself), "is nested more than 32 deep")
    much = writing.Raw(b"]q\x00(h\x00" + b"N" * 500_000 + b"e")
    refused(writing.zip(tmp_path / "a", much), "more than 1000000 values")
    long = {"x" * 10_000: [1, 2, np.zeros(2)]}
    refused(writing.zip(tmp_path / "a", long), "deep, or too long")
    levels = b"".join(b"](" + b"h%c" % n * 9 + b"eq%c" % (n + 1) for n in range(30))
    refused(writing.zip(tmp_path / "a", writing.Raw(b"]q\x00" + levels)), "more than 1000000 val")


def test_the_memory_of_tensors_is_that_of_their_storage(tmp_path, writing, write):
    halves = np.zeros(MEGABYTE, np.uint16)
    content = {str(number): writing.BFloat16(halves[number:]) for number in range(200)}
    path = write(tmp_path / "a", content)
    tracemalloc.start()
    try:
        assert len(read(path).tensors) == 200
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * MEGABYTE


def test_compressed_zip_files(tmp_path, writing):
    path = writing.zip(tmp_path / "a", {"x": np.zeros(MEGABYTE)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < MEGABYTE
    refused(path, "is compressed, which torch.save never does")


def test_zip_files_whose_entries_are_one(tmp_path, writing):
    path = writing.zip(tmp_path / "a", {"x": np.zeros(99), "y": np.ones(99)})
    data = path.read_bytes()
    first, second = (data.index(b"archive/data/%d" % number) - 30 for number in (0, 1))
    at = data.rindex(struct.pack("<I", second) + b"archive/data/1")
    path.write_bytes(data[:at] + struct.pack("<I", first) + data[at + 4 :])
    refused(path, "entries overlap")


def test_zip_files_with_a_name_twice(tmp_path, writing):
    path = writing.zip(tmp_path / "a", {"x": np.zeros(9)})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("archive/data/0", np.ones(9).tobytes())
    refused(path, "a name occurs twice")


@pytest.mark.parametrize("name", ["word/document.xml", "a/b/data.pkl", "data.pkl"])
def test_other_zip_files(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr(name, "x")
    refused(tmp_path / "a", "without a checkpoint of PyTorch")


def test_programs_of_torchscript(tmp_path, writing):
    path = writing.zip(tmp_path / "a", {})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/constants.pkl", b"\x80\x02).")
    refused(path, "is a program of TorchScript; save the state_dict")


def test_other_files(tmp_path):
    for data in (b"", b"version https://git-lfs.github.com/spec/v1\n", b"RIFF", b"\x80\x02}."):
        (tmp_path / "a").write_bytes(data)
        refused(tmp_path / "a", "is no checkpoint of PyTorch or safetensors; get the file again")
    refused(tmp_path / "none", "cannot be read")
    refused(tmp_path, "cannot be read")


def test_a_file_that_is_cut_while_it_is_read(tmp_path, writing, write):
    checkpoint = read(write(tmp_path / "a", {"x": np.zeros(9)}))
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(UserError, match="a: changed while it was read"):
        checkpoint.state_dict()
    (tmp_path / "a").unlink()
    with pytest.raises(UserError, match="a: cannot be read"):
        checkpoint.state_dict()


def entry(dtype="F32", shape=(2,), span=(0, 8), **others):
    return {"dtype": dtype, "shape": shape, "data_offsets": span, **others}


@pytest.mark.parametrize(
    "header",
    [
        *(b"{", b"{}x", b'{"a": 1, "a": 2}', b'{"a": ' + b"[" * 99999, b"{\xff}", b"{}"),
        *({"a": 1}, {"a": {}}, {"a": entry("F4")}, {"a": entry(["F32"])}),
        *({"a": entry(shape=(3,))}, {"a": entry(shape=(-1, -2))}, {"a": entry(shape=2)}),
        *({"a": entry(shape=(2.0,))}, {"a": entry(shape=(True, 2))}, {"a": entry(shape=None)}),
        *({"a": entry(span=(0, 4))}, {"a": entry(span=(8, 0))}, {"a": entry(span=(0, 8, 16))}),
        *({"a": entry(span=(4, 12))}, {"a": entry(span=(-8, 0))}, {"a": entry(span="08")}),
        {"a": entry(), "b": entry()},
        {"a": entry(shape=(1,), span=(0, 4))},
        {"a": entry(shape=(2**40, 2**40, 0), span=(0, 0)), "b": entry()},
        {"a": entry(shape=(1,), span=(0, 4)), "b": entry(shape=(1,), span=(3, 7))},
        b'{"a": {"dtype": "F32", "shape": [' + b"9" * 9999 + b'], "data_offsets": [0, 8]}}',
    ],
    ids=lambda header: str(header)[:40],
)
def test_headers_of_safetensors(tmp_path, writing, header):
    refused(writing.header(tmp_path / "a", header, bytes(8)), "has (a|tensors|another) ")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**25, 1000])
def test_lengths_of_headers_of_safetensors(tmp_path, writing, length):
    path = writing.header(tmp_path / "a", {"a": entry()}, bytes(8), length)
    refused(path, f"has a header of {length} bytes")


def test_streams_whose_storages_are_others(tmp_path, writing):
    path = writing.stream(tmp_path / "a", {"x": np.zeros(9)})
    data = path.read_bytes()
    assert data.count(struct.pack("<q", 9)) == 1
    for count in (-1, 8, 10, 2**62):
        path.write_bytes(data.replace(struct.pack("<q", 9), struct.pack("<q", count)))
        refused(path, "of another size than its tensors say")
    keys, others = pickle.dumps(["0"], 2), ([], ["1"], ["0", "0"], ["0", "1"], "0", [["0"]])
    for other in others:
        path.write_bytes(data.replace(keys, pickle.dumps(other, 2)))
        refused(path, "list of")
