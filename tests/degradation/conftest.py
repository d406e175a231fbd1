from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def voicefixer() -> dict[str, np.ndarray]:
    """What the authors' code makes of a recording: all of that, every 50th sample of results."""
    return dict(np.load(Path(__file__).parents[1] / "fixtures" / "voicefixer_degradations.npz"))
