"""List the presets: trained upsamplers that come with tfsr.

    python -m tfsr.list
    python -m tfsr.list telephony-8k-16k     # all that is known about it, as Markdown
    python -m tfsr.list --markdown           # the same for all, after a table of their scores

Use one with python -m tfsr.upsample --preset NAME, in Python by tfsr.load(NAME), or with
python -m tfsr.export --preset NAME.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_MARKDOWN = flags.DEFINE_bool("markdown", False, "All that is known about all presets.")


def main(positional: list[str]) -> None:
    from tfsr import presets
    from tfsr.presets.card import card, page, table

    if positional and _MARKDOWN.value:
        raise UserError("list: --markdown shows all presets: leave out the names")
    chosen = [presets.get(name) for name in positional or presets.names()]
    if _MARKDOWN.value:
        print(page(chosen), end="")
    elif positional:
        print("\n".join(map(card, chosen)))
    else:
        print(table(chosen))


if __name__ == "__main__":
    command.run(main)
