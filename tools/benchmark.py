"""Measure tfsr on this machine and write the table of docs/benchmarks.md.

    python tools/benchmark.py --output docs/benchmarks.md \
        --gin configs/quickstart.gin --gin configs/audiounet.gin:BATCH=1

Each figure comes from a process of its own, so that threads, memory and start-up do not mix. The
ratios that matter (pipeline to network, two threads to one) are taken in the same minute.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from measures import MEASURES

from tfsr import command

COMMANDS = ("train", "evaluate", "upsample", "export", "prepare", "summarize")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--gin", action="append", required=True, help="FILE[:SETTING...]; may repeat"
    )
    parser.add_argument("--steps", type=int, default=40, help="training steps timed at most")
    parser.add_argument("--train_seconds", type=float, default=60, help="and for so long at most")
    parser.add_argument("--seconds", type=float, default=10, help="audio that is upsampled")
    parser.add_argument("--output", help="write the page there instead of printing it")
    parser.add_argument("--measure", choices=sorted(MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    command.prepare_tensorflow()
    if arguments.measure:
        print(json.dumps(MEASURES[arguments.measure](arguments)))
        return
    page = report(arguments)
    if arguments.output:
        Path(arguments.output).write_text(page)
    print(page)


def report(arguments: argparse.Namespace) -> str:
    """The page, after all measurements."""
    sections = [heading(), "## Start-up\n", start_up_table()]
    for gin in arguments.gin:
        sections += [f"## `{gin}`\n", configuration_table(gin, arguments)]
    return "\n".join(sections)


def heading() -> str:
    made_by = " ".join(["python", *sys.argv])
    return (
        f"# Benchmarks\n\nMade by `{made_by}` on {datetime.date.today()}: {machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}. "
        "Real-time factor: seconds of computing for one second of audio.\n"
    )


def machine() -> str:
    """What figures depend on: the processor, and whether TensorFlow uses oneDNN on it."""
    from tfsr.training import provenance

    return f"{cpu_name()}, {provenance.one_dnn()}"


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def start_up_table() -> str:
    rows = []
    for verb in COMMANDS:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", f"tfsr.{verb}", "--help"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        rows.append([f"`python -m tfsr.{verb} --help`", f"{time.perf_counter() - start:.2f} s"])
    return table(["command", "time"], rows)


def configuration_table(gin: str, arguments: argparse.Namespace) -> str:
    data = measure("pipeline", gin, arguments)
    training = measure("training", gin, arguments)
    one, two = (measure("upsampling", gin, arguments, threads) for threads in (1, 2))
    rows = [
        ["pipeline alone, decoded recordings in memory", f"{data['patches_per_s']:.0f} patches/s"],
        ["training", f"{training['steps_per_s']:.3g} steps/s of {training['batch']} patches"],
        ["  the same in patches", f"{training['steps_per_s'] * training['batch']:.3g} patches/s"],
        ["  share of a step spent waiting for data", f"{training['waiting']:.1%}"],
        ["  against the same layers in a plain tf.function", against_plain(gin, arguments)],
        ["  peak memory", f"{training['peak_mb']:.0f} MB"],
        ["upsampling, 1 thread", f"real-time factor {one['real_time_factor']:.4f}"],
        ["upsampling, 2 threads", f"real-time factor {two['real_time_factor']:.4f}"],
        ["  peak memory", f"{two['peak_mb']:.0f} MB"],
    ]
    return table(["what", "measured"], rows)


def against_plain(gin: str, arguments: argparse.Namespace) -> str:
    overhead = measure("overhead", gin, arguments)
    return f"{overhead['ratio']:.3f} times as long, traced {overhead['traces']} time(s)"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def measure(name: str, gin: str, arguments: argparse.Namespace, threads: int = 0) -> dict:
    """Run one measurement in a process of its own."""
    kept = {key: getattr(arguments, key) for key in ("steps", "train_seconds", "seconds")}
    flags = kept | {"gin": gin, "measure": name, "threads": threads}
    program = [sys.executable, __file__, *(f"--{key}={value}" for key, value in flags.items())]
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
