# SPDX-License-Identifier: MIT
"""A section of the page. Each module of sections/ has `make()`, which returns one; what it reads may be absent."""

from . import markup

RANK = {"good": 0, "note": 0, "old": 1, "missing": 2, "bad": 3}


class Section:
    """`anchor`: the fragment to link to. `state`: of markup.STATES. `verdict`: one sentence for the table at the top."""

    def __init__(self, anchor, title, state, verdict, *body):
        self.anchor, self.title, self.state, self.verdict, self.body = anchor, title, state, verdict, body


def worst(states):
    return max(states, key=RANK.__getitem__, default="missing")


def missing(anchor, title, what, command):
    """A section about something that was not run."""
    body = markup.paragraph(what, " Run ", markup.code(command), " and make this page again.")
    return Section(anchor, title, "missing", what, body)


def freshness(record):
    """A line on what tree a record is of."""
    if record.is_current:
        return markup.paragraph(f"Made {record.made} from the files of this tree.", class_="made")
    return markup.paragraph(
        markup.status("old"), f" Made {record.made}; files that this is about have changed since, so it says nothing certain about this tree.", class_="made")


def state_of(record, is_good):
    """The state of what a record says: a result from an older tree is no result of this one."""
    if not is_good:
        return "bad"
    return "good" if record.is_current else "old"
