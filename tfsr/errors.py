"""The only exception that is meant for the user."""


class UserError(Exception):
    """A mistake in the user's input. The message is one line: the file or setting, and a remedy.

    Commands print the line and exit with code 2. Every other exception is a bug and keeps its
    traceback.
    """
