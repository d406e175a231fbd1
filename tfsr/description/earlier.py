"""Translate descriptions of earlier versions of tfsr into today's form."""

from typing import Any

# Of an upsampler that had one discriminator and was a class of its own.
_OF_ITS_DISCRIMINATOR = {
    *("critic", "objective", "critic_updates", "adversarial_start"),
    *("conditional", "critic_optimizer"),
}
_ITS_LOSSES = {"adversarial", "feature_matching"}


def from_format_1(described: Any) -> Any:
    """A model of format 1, in which discriminators were a class of upsampler or a "jury".

    They are left out: using a model does not need them, and more training needs new ones.
    """
    if isinstance(described, list):
        return [from_format_1(value) for value in described]
    if not isinstance(described, dict):
        return described
    described = {name: from_format_1(value) for name, value in described.items()}
    arguments = described.get("arguments")
    return described if not isinstance(arguments, dict) else _today(described, arguments)


def _today(described: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    left_out = {"jury"}
    if described.get("class") == "Adversarial":
        described, left_out = described | {"class": "Regression"}, _OF_ITS_DISCRIMINATOR
    kept = {name: value for name, value in arguments.items() if name not in left_out}
    if isinstance(kept.get("weights"), dict):
        kept["weights"] = {n: w for n, w in kept["weights"].items() if n not in _ITS_LOSSES}
    return described | {"arguments": kept}
