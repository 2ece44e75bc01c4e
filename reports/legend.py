"""This module holds the legend of every table: the same words in Markdown, LaTeX and on the page."""

from __future__ import annotations

from reports.layout import Section

INTERVALS = "95 % interval over people (over clips where fewer than two are known; FID∞: none)"
#: The clips on which best and second are found (reports.shared).
RANKED = "on the clips that all of them have (scores of whole sets: on their own)"
UNALIGNED = (
    "the method's head does not follow the pose track: frames do not correspond to the ground truth's, not ranked"
)


def people(section: Section) -> str:
    """Returns whom the intervals are about; "" where a bare scores.json does not say."""
    if section.identities > 1:
        return f"Intervals over people are about people like these {section.identities}, those over clips about these."
    if section.identities == 1:
        return "All clips are of one person: the intervals, over clips, say nothing about others."
    return ""
