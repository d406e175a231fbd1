"""The one exception that speaks to the person at the keyboard."""


class UserError(Exception):
    """A mistake in what the user gave: one line that names the file or setting and the way out.

    Commands print the line and exit with code 2; everything else is a bug and keeps its traceback.
    """
