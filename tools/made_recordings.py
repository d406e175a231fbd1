"""Recordings whose band is known, made of speech: functions of it and a generator.

The truth is what the construction says: a low-pass, a codec, a rate that was raised. What is added,
noise for instance, does not change it.
"""

import io
from collections.abc import Callable

import av
import numpy as np
import scipy.signal

from tfsr.degradation.codec import G711, Gsm
from tfsr.signal.resample import resample

SPEECH_RATE = 48_000
"""Hz, of the speech that recordings are made of."""

Made = tuple[np.ndarray, int]
"""A signal [time] or [time, channels], and its rate in Hz."""

Make = Callable[[np.ndarray, np.random.Generator], Made]
"""From speech [time] at `SPEECH_RATE`."""


def limited(speech: np.ndarray, cutoff_hz: float, rate: int = SPEECH_RATE) -> np.ndarray:
    """With nothing above a frequency, at some rate."""
    spectrum = np.fft.rfft(speech)
    spectrum[np.fft.rfftfreq(len(speech), 1 / SPEECH_RATE) > cutoff_hz] = 0
    return resample(np.fft.irfft(spectrum, len(speech)), SPEECH_RATE, rate)


def call(speech: np.ndarray, low_hz: float = 300, high_hz: float = 3400) -> np.ndarray:
    """Band-passed as a telephone does, at 8 kHz."""
    band = scipy.signal.butter(4, low_hz, "highpass", fs=SPEECH_RATE, output="sos")
    return limited(scipy.signal.sosfilt(band, speech), high_hz, 8000)


def coded(audio: np.ndarray, rate: int, container: str, codec: str, **settings) -> Made:
    """After an encoder and a decoder of FFmpeg, mono or stereo.

    Args:
        settings: `bit_rate`, and options of the encoder.
    """
    file, bit_rate = io.BytesIO(), settings.pop("bit_rate", None)
    columns = audio.reshape(len(audio), -1)
    layout = {1: "mono", 2: "stereo"}[columns.shape[1]]
    with av.open(file, "w", format=container) as out:
        options = {name: str(value) for name, value in settings.items()}
        stream = out.add_stream(codec, rate=rate, layout=layout, options=options)
        if bit_rate:
            stream.bit_rate = bit_rate
        samples = np.round(np.clip(columns, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", layout)
        frame.rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return _decoded(file.getvalue(), container)


def _decoded(data: bytes, container: str) -> Made:
    with av.open(io.BytesIO(data), format=container if container == "g722" else None) as file:
        resampler = av.AudioResampler("fltp")
        frames = [one for frame in file.decode(audio=0) for one in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1).T, frames[0].rate


def opus(kbit_s: int, cutoff_hz: int) -> Make:
    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        settings = {"bit_rate": 1000 * kbit_s, "application": "voip", "cutoff": cutoff_hz}
        return coded(speech, SPEECH_RATE, "ogg", "libopus", **settings)

    return make


def mp3(kbit_s: int) -> Make:
    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        stereo = np.stack([resample(speech, SPEECH_RATE, 44_100)] * 2, axis=1)
        return coded(stereo, 44_100, "mp3", "libmp3lame", bit_rate=1000 * kbit_s)

    return make


def aac(kbit_s: int, cutoff_hz: int) -> Make:
    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        audio = resample(speech, SPEECH_RATE, 44_100)
        settings = {"bit_rate": 1000 * kbit_s, "cutoff": cutoff_hz}
        return coded(audio, 44_100, "adts", "aac", **settings)

    return make


def g722(speech: np.ndarray, generator: np.random.Generator) -> Made:
    return coded(resample(speech, SPEECH_RATE, 16_000), 16_000, "g722", "g722")


def gsm(rate: int) -> Make:
    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        audio = Gsm()(resample(speech, SPEECH_RATE, 8000), 8000, 8000, generator)
        return resample(audio, 8000, rate), rate

    return make


def mu_law(speech: np.ndarray, generator: np.random.Generator) -> Made:
    audio = G711()(resample(speech, SPEECH_RATE, 8000), 8000, 8000, generator)
    return resample(audio, 8000, 16_000), 16_000


def telephone(low_hz: int, high_hz: int, rate: int) -> Make:
    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        return resample(call(speech, low_hz, high_hz), 8000, rate), rate

    return make


def sinc(cutoff_hz: int, rate: int) -> Make:
    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        return limited(speech, cutoff_hz, rate), rate

    return make


def repeated(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Each sample several times."""
    return audio[np.arange(len(audio) * to_rate // from_rate) * from_rate // to_rate]


def linear(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    places = np.arange(len(audio) * to_rate // from_rate) * from_rate / to_rate
    return np.interp(places, np.arange(len(audio)), audio)


def short_filter(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """With eight samples of the input for each of the output."""
    common = np.gcd(from_rate, to_rate)
    up, down = to_rate // common, from_rate // common
    return scipy.signal.resample_poly(audio, up, down, window=_short(up, down))


def _short(up: int, down: int) -> np.ndarray:
    return scipy.signal.firwin(8 * up + 1, 1 / max(up, down), window="hann")


def raised(how: Callable[[np.ndarray, int, int], np.ndarray], from_rate: int, to_rate: int) -> Make:
    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        return how(resample(speech, SPEECH_RATE, from_rate), from_rate, to_rate), to_rate

    return make


def with_room_noise(below_db: float, cutoff_hz: int, rate: int = SPEECH_RATE) -> Make:
    """White noise over the whole band of the file, so far below speech."""

    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        audio = limited(speech, cutoff_hz, rate)
        noise = generator.normal(0, np.std(audio) * 10 ** (-below_db / 20), len(audio))
        return audio + noise, rate

    return make


def with_dither(cutoff_hz: int, rate: int) -> Make:
    """Of 16 bits, triangular."""

    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        audio = limited(speech, cutoff_hz, rate)
        dither = generator.uniform(-0.5, 0.5, [2, len(audio)]).sum(axis=0)
        return np.round(2**15 * audio + dither) / 2**15, rate

    return make


def with_hum(cutoff_hz: int, rate: int, mains_hz: int) -> Make:
    """And its harmonics up to 7 kHz, weaker and weaker, 20 dB below speech together."""

    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        audio = limited(speech, cutoff_hz, rate)
        seconds = np.arange(len(audio)) / rate
        hum = sum(
            np.sin(2 * np.pi * hertz * seconds + generator.uniform(0, 2 * np.pi)) / hertz**0.5
            for hertz in range(mains_hz, 7001, mains_hz)
        )
        return audio + hum * 0.1 * np.std(audio) / np.std(hum), rate

    return make


def with_whistle(cutoff_hz: int, rate: int) -> Make:
    """Of a television's line frequency, 30 dB below speech."""

    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        audio = limited(speech, cutoff_hz, rate)
        whistle = np.sin(2 * np.pi * 15_625 * np.arange(len(audio)) / rate)
        return audio + whistle * 2**0.5 * np.std(audio) * 10**-1.5, rate

    return make


def with_clicks(cutoff_hz: int, rate: int, number: int = 20) -> Make:
    """Samples at random places that are off by half of full scale."""

    def make(speech: np.ndarray, generator: np.random.Generator) -> Made:
        audio = limited(speech, cutoff_hz, rate)
        audio[generator.integers(0, len(audio), number)] += 0.5
        return audio, rate

    return make


def mostly_telephone(speech: np.ndarray, generator: np.random.Generator) -> Made:
    """The last 8 % are wide."""
    narrow = resample(call(speech), 8000, 16_000)
    wide = resample(speech, SPEECH_RATE, 16_000)
    end = round(0.92 * len(narrow))
    return np.concatenate([narrow[:end], wide[end : len(narrow)]]), 16_000
