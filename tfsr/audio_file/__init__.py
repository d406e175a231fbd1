"""Audio files of any format, read to float32 [time, channels] in [-1, 1] and written from it.

libsndfile decodes the WAV family and other formats that it reads exactly. FFmpeg (PyAV) decodes
MP3, FLAC and the formats of phones and browsers. tensorflow-io decodes whole files of the usual
formats. Only this package uses these libraries. Only `read` imports TensorFlow, so that streaming
(`AudioFile`, `Writer`) starts fast and small.
"""

from tfsr.audio_file.audio_file import AudioFile
from tfsr.audio_file.decoder import Fault, Info
from tfsr.audio_file.ffmpeg import through_mp3
from tfsr.audio_file.folders import EXTENSIONS, WRITTEN, Left, find, search
from tfsr.audio_file.headerless import Raw
from tfsr.audio_file.headerless import parse as parse_raw
from tfsr.audio_file.pipes import PipeReader, PipeWriter
from tfsr.audio_file.reading import blocks, info, read, tags
from tfsr.audio_file.sndfile import through_file
from tfsr.audio_file.writer import Clipped, Writer, allowed_subtype, require_subtype, write

__all__ = [
    "AudioFile",
    "Clipped",
    "EXTENSIONS",
    "Fault",
    "Info",
    "Left",
    "PipeReader",
    "PipeWriter",
    "Raw",
    "WRITTEN",
    "Writer",
    "allowed_subtype",
    "blocks",
    "find",
    "info",
    "parse_raw",
    "read",
    "require_subtype",
    "search",
    "tags",
    "through_file",
    "through_mp3",
    "write",
]
