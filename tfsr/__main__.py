"""tfsr VERB: the same as python -m tfsr.VERB.

Verbs: upsample, restore, bulk, live, list, score, compare, listen, train, evaluate, export,
convert, prepare, rooms, summarize.
`tfsr VERB --help` says which arguments and flags a verb takes.
"""

import runpy
import sys

VERBS = (
    *("upsample", "restore", "bulk", "live", "list", "score", "compare", "listen"),
    *("train", "evaluate", "export", "convert", "prepare", "rooms", "summarize"),
)


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0)
    if arguments[0] not in VERBS:
        print(f"tfsr: no verb {arguments[0]!r}; there are {', '.join(VERBS)}", file=sys.stderr)
        sys.exit(2)
    sys.argv[:] = [f"tfsr {arguments[0]}", *arguments[1:]]
    runpy.run_module(f"tfsr.{arguments[0]}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
