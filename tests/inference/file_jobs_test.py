"""A request is the same in other processes, where it loads its own models."""

import pickle

from tfsr import presets
from tfsr.audio_file import parse_raw
from tfsr.file_command import Loader
from tfsr.inference.file_jobs import Request


def test_a_request_is_the_same_in_another_process():
    request = Request(
        Loader(["a.b = 3"], threads=1),
        presets.suited,
        bandwidth_hz=4000.0,
        raw=parse_raw("8000,ulaw,1"),
        rate="keep",
        rescale=True,
    )
    again = pickle.loads(pickle.dumps(request))
    assert again.settings == request.settings
    assert again.settings["system"] is presets.suited


def test_what_it_has_loaded_stays_where_it_is():
    request = Request(Loader(threads=1), "telephony-8k-16k")
    loaded = request.upsampler("telephony-8k-16k")
    again = pickle.loads(pickle.dumps(request))
    assert request.upsampler("telephony-8k-16k") is loaded
    assert again.upsampler("telephony-8k-16k") is not loaded
