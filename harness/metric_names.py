"""A metric may be named as people search for it: Sync-C, CSIM and the like are other words for keys of scores.json.

Aliases are for reading alone; what is written has one name.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import unknown_name

#: Other spellings → the metric's key, without case, blanks, dashes and underscores.
ALIASES: dict[str, str] = {
    "syncc": "lse_c",
    "syncconf": "lse_c",
    "syncconfidence": "lse_c",
    "syncd": "lse_d",
    "syncdistance": "lse_d",
    "avoffset": "sync_offset",
    "csim": "identity_sim",
    "id": "identity_sim",
    "identity": "identity_sim",
    "accemo": "emotion_acc",
    "emoacc": "emotion_acc",
    "emotionaccuracy": "emotion_acc",
    "accuracy": "emotion_acc",
    "acc": "emotion_acc",
    "lmd": "f_lmd",
}


def _bare(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " -_")


def metric(name: str, known: Iterable[str]) -> str:
    """Returns the key among `known` that a name means: the key itself, any spelling of it, or another word for it.

    Raises UsageError, with the nearest one, for a name that means none of them.
    """
    keys = {_bare(key): key for key in known}
    bare = _bare(name)
    found = keys.get(bare) or keys.get(_bare(ALIASES.get(bare, "")))
    if found is None:
        raise unknown_name("metric", name, [*keys.values(), *(a for a, key in ALIASES.items() if key in keys.values())])
    return found


def several(text: str, known: Iterable[str]) -> list[str]:
    """Returns the keys of names with commas between them, each once, in order. UsageError as `metric`."""
    keys = list(known)
    return list(dict.fromkeys(metric(name.strip(), keys) for name in text.split(",") if name.strip()))
