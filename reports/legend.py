"""This module holds the legend of every table: the same words in Markdown, LaTeX and on the page."""

from __future__ import annotations

from reports.layout import Section

INTERVALS = "95 % interval over clips (bootstrap; FID: pivotal, FID∞: none; shares of 0 or 100 %: Wilson)"
#: The clips on which best and second are found (reports.shared).
RANKED = "on the clips that all of them have (scores of whole sets: on their own)"
UNALIGNED = "the method's head motion is its own, so its frames do not correspond to the ground truth's: not ranked"
#: From so many on, an interval over people is nearly as long as it claims.
_MANY = 20


def few_identities(section: Section) -> str:
    """Returns the warning on intervals over few people; "" where they are many, or where their number is unknown."""
    if not 0 < section.identities < _MANY:
        return ""
    people = f"{section.identities} {'person' if section.identities == 1 else 'people'}"
    return (
        f"Intervals by identity rest on {people} and are too short: simulated, they hold the truth in 80 % of cases "
        "for 4 people, 86 % for 6, 92 % for 12."
    )
