# SPDX-License-Identifier: MIT
"""HTML in small pieces. Text is escaped unless it is Markup; every function returns Markup."""

import html
import re


class Markup(str):
    """Text that is HTML already."""


def text(value):
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def join(parts, separator=""):
    return Markup(text(separator).join(text(part) for part in parts))


def element(tag, *children, **attributes):
    """element("td", "text", class_="number"): a trailing _ keeps Python's words apart from HTML's, other _ become -."""
    words = "".join(f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"' for name, value in attributes.items() if value is not None)
    return Markup(f"<{tag}{words}>{join(children)}</{tag}>")


def paragraph(*children, **attributes):
    return element("p", *children, **attributes)


def code(value):
    return element("code", value)


def codes(values):
    return join((code(value) for value in values), ", ")


STATES = {"good": ("✓", "holds"), "bad": ("✗", "does not hold"), "missing": ("○", "missing"), "old": ("◐", "older tree"), "note": ("·", "for information")}


def status(state, words=None):
    """A state, told by sign and word and not by its colour alone."""
    sign, default = STATES[state]
    return element("span", element("span", sign, aria_hidden="true"), " ", words or default, class_=f"status {state}")


def thousands(value):
    """A whole number with narrow spaces between its groups of three digits."""
    return f"{value:,}".replace(",", "\u202f")


class Number(float):
    """A table cell that stands right-aligned; `shown` is how it is written."""

    def __new__(cls, value, shown=None):
        number = super().__new__(cls, value)
        number.shown = shown if shown is not None else thousands(value)
        return number


def cell(value, tag="td"):
    if isinstance(value, Number):
        return element(tag, value.shown, class_="number")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return element(tag, Number(value).shown, class_="number")
    return element(tag, value)


def table(headings, rows, caption=None, numbers=(), foot=None):
    """`numbers`: indexes of the columns whose headings stand right-aligned, as their cells do. The first cell of a row is its heading."""
    head = element("tr", *(element("th", heading, scope="col", class_="number" if index in numbers else None) for index, heading in enumerate(headings)))
    body = (element("tr", element("th", row[0], scope="row"), *map(cell, row[1:])) for row in rows)
    end = element("tfoot", element("tr", element("th", foot[0], scope="row"), *map(cell, foot[1:]))) if foot else ""
    inside = element("table", element("caption", caption) if caption else "", element("thead", head), element("tbody", *body), end)
    return element("div", inside, class_="table", tabindex="0", role="region", aria_label=caption or headings[0])


def details(summary, *children, opened=False):
    inside = join((element("summary", summary), *children))
    return Markup(f"<details{' open' if opened else ''}>{inside}</details>")


def bar(part, whole, label):
    """A share as a bar; the figures stand beside it, so it is hidden from readers of the page aloud."""
    share = 0 if whole == 0 else min(1, part / whole)
    return element("span", element("span", "", style=f"width:{100 * share:.1f}%"), class_="bar" + (" over" if part > whole else ""), aria_hidden="true", title=label)


def percent(part, whole):
    """Rounded down: 99.97 % is not 100 %."""
    return Number(0, "–") if whole == 0 else Number(100 * part / whole, f"{int(1000 * part / whole) / 10:.1f} %")


def figure(picture, caption):
    return element("figure", element("div", picture, class_="picture", tabindex="0", role="group", aria_label=re.sub(r"<[^>]*>", "", str(caption))), element("figcaption", caption))


def unordered(items):
    return element("ul", *(element("li", item) for item in items))
