"""The flags of commands that Apache Beam can run on many machines."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from absl import flags

from tfsr.errors import UserError

if TYPE_CHECKING:
    from tfsr.cluster.beam import Cluster

# Flags that are defined here belong to the command that asks for them.
flags.disclaim_key_flags()


class RunnerFlags:
    """The flags. To make one defines them.

    Args:
        runner: value of the flag --runner unless the user gives one; None: Beam is not used then.
    """

    def __init__(self, runner: str | None):
        self._runner = flags.DEFINE_string(
            "runner",
            runner,
            "What runs the job, by the name that Beam has for it: DaskRunner, FlinkRunner, ...",
        )
        self._option = flags.DEFINE_multi_string(
            "runner_option",
            [],
            "An option of the runner, such as direct_num_workers=2; may repeat.",
        )

    @property
    def runner(self) -> str | None:
        return self._runner.value

    def cluster(self) -> Cluster:
        """What runs the job.

        Raises:
            UserError: there is no such runner, or an option has a wrong value.
        """
        if not self.runner:
            raise UserError("--runner: give the name of a runner, such as DirectRunner")
        # Beam warns of services of clouds that are not installed.
        logging.disable(logging.WARNING)
        from tfsr.cluster.beam import Cluster

        logging.disable(logging.NOTSET)
        options = [f"--{one.removeprefix('--')}" for one in self._option.value]
        return Cluster(self.runner, options)
