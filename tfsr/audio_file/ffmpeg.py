"""Decoding with FFmpeg (PyAV), for phones' containers and codecs, MP3 and FLAC.

It never seeks within a stream; the decoded samples alone tell the length. A coder's delay and
padding are cut if the container tells them.
"""

from collections.abc import Iterator

import av
import numpy as np

from tfsr.audio_file.conversion import converted
from tfsr.audio_file.decoder import Fault, Unreadable
from tfsr.audio_file.file_view import FileView

av.logging.set_level(None)

# No playlists and the like among them, which would open other files and addresses.
_FORMATS = (
    "3g2,3gp,aac,ac3,aiff,alaw,amr,amrnb,amrwb,ape,asf,au,avi,caf,dss,dts,eac3,flac,flv,g722,g726,"
    "g726le,g729,gsm,loas,m4a,matroska,mj2,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,mulaw,nistsphere,oga,"
    "ogg,oma,qcp,rm,s16le,shn,sln,tak,tta,voc,w64,wav,webm,wv,xwma"
)

_CONTAINERS = {"mov": "MP4", "matroska": "WEBM"}

# soundfile's words for codecs, else FFmpeg's in capitals.
_SUBTYPES = {
    **{"mp3float": "MPEG_LAYER_III", "mp3": "MPEG_LAYER_III", "vorbis": "VORBIS", "opus": "OPUS"},
    **{"pcm_s16le": "PCM_16", "pcm_s16be": "PCM_16", "pcm_s24le": "PCM_24", "pcm_f32le": "FLOAT"},
    **{"pcm_s24be": "PCM_24", "pcm_f32be": "FLOAT", "pcm_s32le": "PCM_32", "pcm_s32be": "PCM_32"},
}
_LOSSLESS = ("flac", "alac", "wavpack", "tta", "ape", "shorten", "tak", "wmalossless")

_TAGS = {
    **{"title": "title", "artist": "artist", "album": "album", "comment": "comment"},
    **{"date": "date", "genre": "genre", "copyright": "copyright", "license": "license"},
    **{"track": "tracknumber", "tracknumber": "tracknumber"},
}

# The step in which MP4's edit lists tell lengths, and a little more.
_EDIT_SECONDS = 0.0011

# Errors in a row from the beginning by which one knows that it is something else.
_TRIED = 40

# Their first frame is half of an overlap, and FFmpeg throws two away.
_WMA = ("wmav1", "wmav2")

# Between what is told and what is there: rounding of clocks, and frames of padding.
_TOLERANCE_SECONDS = {"FLAC": 0.0, "WEBM": 0.1}
_USUAL_TOLERANCE = 0.06

# Of an MP3 file, that its header must count for FFmpeg not to estimate; the rest may be tags.
_LEAST_SHARE = 16 / 17

# As PyAV 19 does without being told; older ones then fail. `_tags` takes it from there.
_DAMAGED_TEXT = {"metadata_errors": "surrogateescape"} if int(av.__version__[:2]) < 19 else {}

# Channels in planes, of which PyAV finds no end.
_MISCOUNTED = 8

# By so many samples LAME and a decoder together are late, at any rate.
_MP3_DELAY = 1105


class FfmpegDecoder:
    """See `tfsr.audio_file.decoder.Decoder`.

    Args:
        view: the recording.
        format: FFmpeg's name of the format, if the file does not tell it.
        options: of that format, such as its sample rate.

    Raises:
        Unreadable: FFmpeg does not know the format, or there is no sound in the file.
    """

    def __init__(self, view: FileView, format: str | None = None, **options: str):
        self._view, self._format, self._options = view, format, options
        self.faults: list[Fault] = []
        with self._open() as container:
            stream = _sound(container)
            name = container.format.name.split(",")[0]
            self.format = _CONTAINERS.get(name, name.upper())
            self.tags = _tags(container, stream)
            self._padded_to = _told_by_edit_list(container, stream)
            self._promised = self._padded_to or _promised_seconds(container, stream, view)
            self.samples = stream.duration if name == "flac" and stream.duration else None
            first = next(_Frames(container, stream).decoded(), None)
            if first is None:
                raise Unreadable("no sound in it that can be decoded")
            self.rate, self.channels = first.sample_rate, first.layout.nb_channels
            self.subtype = _subtype(stream.codec_context.name, first, view)

    def blocks(self, block_samples: int) -> Iterator[np.ndarray]:
        self.faults, done = [], 0
        with self._open() as container:
            frames = _Frames(container, _sound(container))
            for sound in self._without_padding(frames):
                done += len(sound)
                yield sound
        if frames.bad > frames.good:
            raise Unreadable("most of it cannot be decoded")
        missing = (self._promised or 0) - done / self.rate
        tolerance = _TOLERANCE_SECONDS.get(self.format, _USUAL_TOLERANCE)
        if missing > max(tolerance, frames.bad_seconds):
            text = f"{missing:.3f} s of what its header tells are missing"
            self.faults.append(Fault(text, missing))
        elif frames.bad:
            text = f"{frames.bad_seconds:.3f} s of it cannot be decoded"
            self.faults.append(Fault(text, frames.bad_seconds))

    def _open(self):
        try:
            return av.open(
                self._view.again(),
                format=self._format,
                options={"format_whitelist": _FORMATS, **self._options},
                **_DAMAGED_TEXT,
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if self._view.at(4, 4) == b"ftyp":
                reason = "its index is missing or damaged: it was cut off or never finished"
                raise Unreadable(reason) from error
            raise Unreadable(_reason(error)) from error

    def _sounds(self, frames: "_Frames") -> Iterator[np.ndarray]:
        """All sounds at the rate and with the channels of the first, without a remaining delay."""
        sounds = ((_to_float(frame), frame.sample_rate) for frame in frames.decoded())
        for sound in converted(sounds, self.rate, self.channels):
            yield sound[frames.delay :]
            frames.delay = max(frames.delay - len(sound), 0)

    def _without_padding(self, frames: "_Frames") -> Iterator[np.ndarray]:
        """Cut where an MP4 file tells the end, if that is in one of the last two frames."""
        sounds = self._sounds(frames)
        if not self._padded_to:
            yield from sounds
            return
        held, done = [], 0
        for sound in sounds:
            held.append(sound)
            done += len(sound)
            if len(held) > 2:
                yield held.pop(0)
        rest = np.concatenate(held) if held else np.zeros([0, self.channels], np.float32)
        surplus = self._padding(done, frames)
        yield rest[: len(rest) - surplus] if 0 < surplus < len(rest) else rest

    def _padding(self, done: int, frames: "_Frames") -> int:
        """Samples of padding, by the last packet's own length, unless the edit list tells far less.

        Most edit lists count in milliseconds.
        """
        by_packet = frames.last_samples - round(frames.last_seconds * self.rate)
        by_packet = by_packet if 0 < by_packet < frames.last_samples else 0
        by_list = done - round(self._padded_to * self.rate)
        return by_packet if by_list - by_packet <= _EDIT_SECONDS * self.rate else by_list


class _Frames:
    """The decoded frames of a stream's packets.

    Attributes:
        good, bad: numbers of packets that could be decoded, and that could not.
        bad_seconds: duration of the bad ones.
        last_seconds, last_samples: of the last packet, as stated, and as decoded.
        delay: samples before the sound that FFmpeg does not cut itself.
    """

    def __init__(self, container, stream):
        self._container, self._stream = container, stream
        self._codec = stream.codec_context.name
        self.good = self.bad = self.delay = 0
        self.bad_seconds = self.last_seconds = 0.0
        self.last_samples = 0

    def decoded(self) -> Iterator:
        for number, packet in enumerate(_packets(self._container, self._stream)):
            if number == 0 and self._codec == "opus":
                self.delay = _opus_delay(self._stream.codec_context.extradata or b"", packet)
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.bad += 1
                self.bad_seconds += float((packet.duration or 0) * packet.time_base)
                frames = []
            if not self.good and number > _TRIED:
                return
            if frames:
                self.last_seconds = float((packet.duration or 0) * packet.time_base)
                self.last_samples = sum(frame.samples for frame in frames)
            for frame in frames:
                self.good += 1
                half_an_overlap = self.good == 1 and self._codec in _WMA
                if frame.samples and frame.sample_rate and not half_an_overlap:
                    yield frame


def _opus_delay(header: bytes, packet) -> int:
    """Samples of the delay in the header that is not in the packet; WebM's clock is coarse."""
    told = packet.get_sidedata("skip_samples") if packet.has_sidedata("skip_samples") else None
    cut = int.from_bytes(bytes(told)[:4], "little") if told else 0
    return max(int.from_bytes(header[10:12], "little") - cut, 0)


def _packets(container, stream) -> Iterator:
    """The packets up to the end, or to where the container breaks off."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.error.FFmpegError):
            return


def _sound(container):
    if not container.streams.audio:
        raise Unreadable("no sound in it")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise Unreadable("its coding is unknown")
    if stream.codec_context.name in _WMA:
        stream.codec_context.flags2 |= av.codec.context.Flags2.skip_manual
    return stream


def _told_by_edit_list(container, stream) -> float | None:
    """Audible seconds of a file of the MP4 family, without delay and padding."""
    if "mp4" not in container.format.name or not stream.duration:
        return None
    return float(stream.duration * stream.time_base)


def _promised_seconds(container, stream, view: FileView) -> float | None:
    """Seconds stated by a header; None if FFmpeg estimates them, or other streams are longer."""
    name = container.format.name
    if name == "flac" or (name == "mp3" and _has_xing(view)):
        return stream.duration and float(stream.duration * stream.time_base)
    alone = len(container.streams) == 1 and container.duration
    if alone and ("matroska" in name or name in ("flv", "tta") or _counts_wavpack(name, view)):
        return container.duration / av.time_base
    finished = int.from_bytes(view.at(4, 4), "little") not in (0, 0xFFFFFFFF)
    if name == "avi" and finished:
        return float(stream.frames * stream.time_base)
    return None


def _counts_wavpack(name: str, view: FileView) -> bool:
    """Whether the first block of a WavPack file tells the total number of samples."""
    return name == "wv" and view.at(0, 4) == b"wvpk" and view.at(12, 4) != b"\xff\xff\xff\xff"


def _has_xing(view: FileView) -> bool:
    """Whether an MP3 file tells, after its first header, how many frames the whole file has.

    In joined files, this header counts only the frames of the first one.
    """
    head = view.at(0, 10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    first = view.at(start, 4096)
    frames, size = _xing(first)
    return frames and not 0 < size < _LEAST_SHARE * (len(view) - start)


def _xing(first: bytes) -> tuple[bool, int]:
    """Whether an MP3 file with this beginning counts frames, and its bytes (0: unknown)."""
    for name in (b"Xing", b"Info"):
        place = first.find(name)
        if 0 <= place < len(first) - 16:
            frames, size = first[place + 7] & 1, first[place + 7] & 2
            at = place + 8 + 4 * frames
            return bool(frames), int.from_bytes(first[at : at + 4], "big") if size else 0
    place = first[:64].find(b"VBRI")
    return place >= 0, int.from_bytes(first[place + 10 : place + 14], "big") if place >= 0 else 0


def _tags(container, stream) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in {**stream.metadata, **container.metadata}.items():
        if name.lower() in _TAGS and text:
            whole = text.encode(errors="surrogateescape").decode(errors="replace")
            found.setdefault(_TAGS[name.lower()], whole)
    return found


def _subtype(codec: str, frame, view: FileView) -> str:
    if codec == "flac" and view.at(0, 4) == b"fLaC":
        bits = int.from_bytes(view.at(20, 2), "big") >> 4 & 31
        return {7: "PCM_S8", 15: "PCM_16"}.get(bits, "PCM_24")
    if codec in _LOSSLESS:
        return "PCM_16" if frame.format.bytes == 2 else "PCM_24"
    return _SUBTYPES.get(codec, codec.upper())


def _to_float(frame) -> np.ndarray:
    """float32 [time, channels]; full scale of whole numbers is 1.

    Channels are interleaved for PyAV where it would miscount them: 8 in separate planes.
    """
    if frame.format.is_planar and frame.layout.nb_channels == _MISCOUNTED:
        (frame,) = av.AudioResampler(frame.format.packed).resample(frame)
    samples = frame.to_ndarray()
    planar = frame.format.is_planar
    samples = samples.T if planar else samples.reshape(-1, frame.layout.nb_channels)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        scale = np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))
        return samples.astype(np.float32) * scale
    return samples.astype(np.float32)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return "Format not recognised" if "Invalid data" in text else text.strip().rstrip(".")


def through_mp3(signal: np.ndarray, rate: int, kbit_s: int) -> np.ndarray:
    """A signal after MP3 coding by LAME, float64 [time], with the same length and no delay.

    There is no file around it: players learn the delay only from files of more than 48 kbit/s.

    Args:
        signal: [time]; samples outside [-1, 1] are clipped.
        rate: Hz, a rate that MP3 has.
        kbit_s: constant bit rate.
    """
    encoder = av.AudioCodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.format, encoder.layout = rate, "fltp", "mono"
    encoder.bit_rate = 1000 * kbit_s
    encoder.open()
    decoder = av.AudioCodecContext.create("mp3float", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    # Enough silence after it that its last sample comes out.
    whole = np.pad(np.clip(signal, -1, 1).astype(np.float32), (0, _MP3_DELAY + encoder.frame_size))
    packets = []
    for start in range(0, len(whole), encoder.frame_size):
        planes = np.ascontiguousarray(whole[np.newaxis, start : start + encoder.frame_size])
        frame = av.AudioFrame.from_ndarray(planes, "fltp", "mono")
        frame.sample_rate, frame.pts = rate, start
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    # Bytes alone: what newer versions of FFmpeg say beside them cuts the delay, older do not.
    packets = [av.Packet(bytes(packet)) for packet in packets]
    decoded = [
        frame.to_ndarray()[0] for packet in [*packets, None] for frame in decoder.decode(packet)
    ]
    return np.concatenate(decoded)[_MP3_DELAY : _MP3_DELAY + len(signal)].astype(np.float64)
