"""Widen the band of sound as it comes: a call, a microphone, a telephone exchange.

    arecord -f S16_LE -r 8000 -F 10000 | tfsr live | aplay
    ffmpeg -i call.mp3 -ar 8000 -ac 1 -f s16le - | tfsr live > wide.raw
    tfsr live --raw ulaw < call.ulaw > wide.raw
    tfsr live --device default
    tfsr live --audiosocket 127.0.0.1:9092 --write calls/

It reads standard input and writes standard output, frame by frame: WAV, or raw samples of 16 bits.
With the model for calls, the latency is 20 ms. TensorFlow is not needed.
"""

import os
import sys

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_MODEL = flags.DEFINE_string(
    "model", "telephony-8k-16k", "A preset, a model folder or an exported file that streams."
)
_RAW = flags.DEFINE_string(
    "raw", None, "For headerless input: its coding, such as ulaw, or 8000,ulaw,2 with channels."
)
_FORMAT = flags.DEFINE_enum("format", None, ["wav", "raw"], "Of the output. Default: the input's.")
_DEVICE = flags.DEFINE_string(
    "device", None, "From microphone to loudspeaker: default, or IN,OUT as sounddevice names them."
)
_AUDIOSOCKET = flags.DEFINE_string(
    "audiosocket", None, "HOST:PORT on which to listen for calls of Asterisk's AudioSocket."
)
_WRITE = flags.DEFINE_string("write", None, "Folder for the wideband recordings of these calls.")
_REPLY = flags.DEFINE_bool(
    "reply", False, "Also send wideband sound back, as kind 0x12; only new Asterisks accept it."
)
_CALLS = flags.DEFINE_integer("calls", 100, "Most calls at once; further ones are refused.", 1)
_TIMEOUT = flags.DEFINE_float(
    "timeout", 30.0, "A call ends after this many seconds without data.", lower_bound=0.1
)

_IN, _OUT = "standard input", "standard output"


def main(positional: list[str]) -> None:
    if positional not in ([], ["-"]):
        raise UserError(f"live: reads standard input; give < {positional[0]}, or use tfsr upsample")
    if _DEVICE.value and _AUDIOSOCKET.value:
        raise UserError("live: give one of --device and --audiosocket")
    if _AUDIOSOCKET.value is None:
        _check_alone(_WRITE, _REPLY, _CALLS, _TIMEOUT)
    command.quiet_decoders()
    if _AUDIOSOCKET.value is not None:
        _check_none(_RAW, _FORMAT)
        _answer_calls(_AUDIOSOCKET.value)
    elif _DEVICE.value is not None:
        _check_none(_RAW, _FORMAT)
        _from_device(_DEVICE.value)
    else:
        _from_pipe()


def _check_alone(*of_calls: flags.FlagHolder) -> None:
    for flag in of_calls:
        if flag.present:
            raise UserError(f"live: --{flag.name} is for calls; give --audiosocket HOST:PORT too")


def _check_none(*of_pipes: flags.FlagHolder) -> None:
    for flag in of_pipes:
        if flag.value:
            raise UserError(f"live: --{flag.name} is for standard input and output alone")


def _streams(many: bool = False):
    with command.ending_at_once():
        from tfsr.loading import load_streams

        return load_streams(_MODEL.value, many)


def _from_pipe() -> None:
    with command.ending_at_once():
        from tfsr.audio_file import PipeReader, PipeWriter, Raw, parse_raw

    if os.isatty(0) or os.isatty(1):
        raise UserError("live: pipe sound in and out, arecord ... | tfsr live | aplay; see --help")
    model = _streams()
    raw = _RAW.value and (_RAW.value if "," in _RAW.value else f"{model.input_rate},{_RAW.value}")
    usual = Raw(model.input_rate, "s16le")
    source = PipeReader(0, _IN, parse_raw(raw) if raw else None, usual)
    if source.raw.rate != model.input_rate:
        raise UserError(
            f"{_IN}: is at {source.raw.rate} Hz, {_MODEL.value} takes {model.input_rate} Hz; "
            f"record at that (arecord -r), or convert (ffmpeg -ar {model.input_rate})"
        )
    wav = source.is_wav if _FORMAT.value is None else _FORMAT.value == "wav"
    sink = PipeWriter(1, _OUT, model.output_rate, source.raw.channels, wav)
    _widen(model, source.raw.channels, source.blocks(), sink.write)
    if source.rest:
        print(f"live: {_IN} ends within a sample, whose bytes are left out", file=sys.stderr)


def _widen(model, channels: int, blocks, write) -> None:
    from tfsr.inference.live import Pace, widen
    from tfsr.inference.streams import Stream

    pace = Pace(1000 * model.hop / model.input_rate)
    try:
        widen(Stream(model, channels), blocks, write, model.hop, pace)
    finally:
        print(f"live: {pace}", file=sys.stderr)


def _from_device(name: str) -> None:
    with command.ending_at_once():
        from tfsr.inference.devices import Devices

    devices = Devices(name, _streams())
    try:
        with devices.opened() as (blocks, write):
            _widen(devices.backend, 1, blocks, write)
    finally:
        if devices.lost:
            print(f"live: {devices.lost}", file=sys.stderr)


def _answer_calls(address: str) -> None:
    if _WRITE.value == "":
        raise UserError("live: --write '': give a folder")
    if _WRITE.value is None and not _REPLY.value:
        raise UserError("live: give --write FOLDER for the recordings of calls, or --reply")
    if not _TIMEOUT.value > 0:
        raise UserError(f"live: --timeout {_TIMEOUT.value}: give seconds")
    with command.ending_at_once():
        from tfsr.telephony.server import Settings, serve

    settings = Settings(_WRITE.value, _REPLY.value, _CALLS.value, _TIMEOUT.value)
    serve(_streams(many=True), address, settings)


if __name__ == "__main__":
    command.run(main)
