"""Trained upsamplers by name: model folders that come with the package.

Each has the files described in `tfsr.model_config`. Its card tells of training, speed and scores.
`tools/make_preset.py` writes them.
"""

import dataclasses
import functools
import os
from importlib import resources
from pathlib import Path

from tfsr.errors import UserError
from tfsr.inference import preset_selection
from tfsr.model_card import ModelCard
from tfsr.model_config import CONFIG, ModelConfig


@dataclasses.dataclass(frozen=True)
class Preset:
    """A preset: its name and its description.

    Attributes:
        name: its name for users.
        config: the configuration in its folder.
    """

    name: str
    config: ModelConfig

    @property
    def card(self) -> ModelCard:
        return self.config.card

    @property
    def suited_to(self) -> str:
        """The only kind of recordings that it suits, see `ModelCard`."""
        return self.card.suited_to

    @property
    def output_rate(self) -> int:
        return self.config.output_rate

    @property
    def bandwidth_hz(self) -> float:
        """Highest frequency of its input."""
        return self.config.bandwidth_hz

    @property
    def folder(self) -> Path:
        return folder() / self.name


def names() -> list[str]:
    """All names, in alphabetical order."""
    return sorted(path.parent.name for path in folder().glob(f"*/{CONFIG}"))


def get(name: str) -> Preset:
    """A preset by its name.

    Raises:
        UserError: there is no preset of that name.
    """
    if name not in names():
        raise UserError(f"no preset {name!r}: choose one of {', '.join(names())}")
    return Preset(name, _config(folder() / name))


def streaming() -> list[str]:
    """The names of presets that also run on streams."""
    return [name for name in names() if get(name).config.latency_ms is not None]


def suited(bandwidth_hz: float) -> str:
    """The name of the preset that suits a recording with such a bandwidth.

    Raises:
        UserError: there is no band to add.
    """
    return preset_selection.choice(bandwidth_hz, _all())


def restoring(bandwidth_hz: float) -> str:
    """The name of the preset that restores a recording with such a bandwidth.

    Raises:
        UserError: no preset restores.
    """
    return preset_selection.restoring(bandwidth_hz, _all())


def located(model: str | os.PathLike) -> Path:
    """The folder of a preset of that name; any other path stays as it is."""
    name = os.fspath(model)
    return folder() / name if name in names() else Path(name)


def folder() -> Path:
    """The folder that contains the presets' folders."""
    return Path(str(resources.files("tfsr.presets")))


def _all() -> list[Preset]:
    return [get(name) for name in names()]


@functools.lru_cache
def _config(path: Path) -> ModelConfig:
    return ModelConfig.read(path)
