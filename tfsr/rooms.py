"""Simulates room responses, to train systems that restore.

    python -m tfsr.rooms FOLDER --count 2000 --rate 16000 --jobs 2

Then give FOLDER to a configuration as ROOMS. Each response is a FLAC file. `rooms.csv` says of each
room its size, its reverberation time, and where source and microphone are. If the command was
stopped, the same command continues. It needs `pip install 'tfsr[train]'`.
"""

from absl import flags

from tfsr.command import run
from tfsr.errors import UserError

_COUNT = flags.DEFINE_integer(
    "count", 200, "Number of rooms, with those that are there already.", lower_bound=1
)
_RATE = flags.DEFINE_integer("rate", 44100, "Hz.", lower_bound=8000)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of everything random.", lower_bound=0)
_JOBS = flags.DEFINE_integer("jobs", 1, "Number of processes.", lower_bound=1)
_VOICEFIXER = flags.DEFINE_bool(
    "voicefixer",
    False,
    "Rooms as VoiceFixer's authors simulate them: sides of 3 to 5 m, reverberation of 0.1 to 0.5 "
    "s, and cardioid microphones. --length, --width, --height and --rt60 have precedence.",
)
_SIDES = [
    flags.DEFINE_list(name, None, f"Least and most {name} in metres, such as 3,8.")
    for name in ("length", "width", "height")
]
_RT60 = flags.DEFINE_list(
    "rt60", None, "Least and most time in which sound decays by 60 dB, in seconds, such as 0.1,1."
)


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise UserError("rooms: give one folder for the responses: FOLDER --count N")
    from tfsr.degradation import room_simulation

    rows = room_simulation.make_rooms(arguments[0], _settings(), _COUNT.value, _JOBS.value)
    print(room_simulation.agreement(rows))


def _settings():
    from tfsr.degradation.room_simulation import Settings

    given = {"rate": _RATE.value, "seed": _SEED.value}
    if _VOICEFIXER.value:
        given |= {"sides": ((3.0, 5.0),) * 3, "rt60": (0.1, 0.5), "cardioid": 1.0}
    usual = given.get("sides", Settings.sides)
    given["sides"] = tuple(_range(flag) or side for flag, side in zip(_SIDES, usual, strict=True))
    if _RT60.value:
        given["rt60"] = _range(_RT60)
    return Settings(**given)


def _range(flag: flags.FlagHolder) -> tuple[float, float] | None:
    """Least and most, None where the flag is not given."""
    if not flag.value:
        return None
    try:
        least, most = map(float, flag.value)
    except ValueError:
        least, most = 1.0, 0.0
    if least > most:
        raise UserError(
            f"rooms: --{flag.name}={','.join(flag.value)}: give the least and the most, such as 3,8"
        )
    return least, most


if __name__ == "__main__":
    run(main)
