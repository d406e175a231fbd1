"""List the presets: trained upsamplers that come with tfsr.

    python -m tfsr.list
    python -m tfsr.list telephony-8k-16k     # all that is known of it, as Markdown

Use one with python -m tfsr.upsample --preset NAME, in Python by tfsr.load(NAME), or with
python -m tfsr.export --preset NAME.
"""

from tfsr import command


def main(positional: list[str]) -> None:
    from tfsr import presets
    from tfsr.presets.card import card, table

    if positional:
        print("\n".join(card(presets.get(name)) for name in positional))
    else:
        print(table([presets.get(name) for name in presets.names()]))


if __name__ == "__main__":
    command.run(main)
