# SPDX-License-Identifier: MIT
"""Makes mutants of C functions by rule, for build/verify --mutants: a condition negated, a bound off by one, a store dropped.

Works on the text, token by token: each mutant differs from the file in one place inside one of the named functions.
"""
import collections
import re

Mutant = collections.namedtuple("Mutant", "path label text")
TOKEN = re.compile(r"""
    (?P<space>\s+|/\*.*?\*/|//[^\n]*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d[\w.]*)
  | (?P<operator><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
""", re.S | re.X)
Token = collections.namedtuple("Token", "kind text start end")

OFF_BY_ONE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
COMPARING = {"&&", "||", "==", "!=", "<", "<=", ">", ">="}
STORES = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
CLOSING = {"(": ")", "[": "]", "{": "}"}


def tokens(text):
    return [Token(match.lastgroup, match.group(), match.start(), match.end()) for match in TOKEN.finditer(text)
            if match.lastgroup != "space"]


def matching(stream, at):
    """Index of the bracket that closes the one at `at`."""
    depth = 0
    for index in range(at, len(stream)):
        if stream[index].text in CLOSING:
            depth += 1
        elif stream[index].text in CLOSING.values():
            depth -= 1
            if depth == 0:
                return index
    raise ValueError("bracket without its end")


def body(stream, name):
    """(first, last) token of the function's definition between its braces; first is the opening brace."""
    for index, token in enumerate(stream):
        if token.text == name and index + 1 < len(stream) and stream[index + 1].text == "(":
            close = matching(stream, index + 1)
            if close + 1 < len(stream) and stream[close + 1].text == "{":
                return close + 1, matching(stream, close + 1)
    raise ValueError(f"there is no function {name}")


def conditions(stream, first, last):
    """(start, end) token ranges of conditions: if, while, the middle of for, a comparison that is returned, what a ? decides on."""
    for index in range(first, last):
        text = stream[index].text
        if text in ("if", "while") and stream[index + 1].text == "(":
            yield index + 2, matching(stream, index + 1)
        elif text == "for" and stream[index + 1].text == "(":
            end = matching(stream, index + 1)
            depth, breaks = 0, []
            for inner in range(index + 2, end):
                if stream[inner].text in CLOSING:
                    depth += 1
                elif stream[inner].text in CLOSING.values():
                    depth -= 1
                elif stream[inner].text == ";" and depth == 0:
                    breaks.append(inner)
            if len(breaks) == 2 and breaks[1] > breaks[0] + 1:
                yield breaks[0] + 1, breaks[1]
        elif text == "return":
            end = index
            while stream[end].text != ";":
                end += 1
            inside = [token.text for token in stream[index + 1:end]]
            if "?" not in inside and COMPARING.intersection(inside):
                yield index + 1, end
        elif text == "?":
            start = index
            depth = 0
            while start - 1 > first:
                before = stream[start - 1].text
                if before in CLOSING.values():
                    depth += 1
                elif before in CLOSING:
                    if depth == 0:
                        break
                    depth -= 1
                elif depth == 0 and (before in STORES or before in (";", ",", "return", "?", ":", "{", "}")):
                    break
                start -= 1
            yield start, index


def stores(stream, first, last):
    """(start, end) token ranges of statements that only store: an assignment, ++ or --, memset or memcpy. end is the semicolon."""
    for index in range(first + 1, last):
        before = stream[index - 1].text
        if before == ")":
            opening = index - 1
            depth = 0
            while True:
                if stream[opening].text == ")":
                    depth += 1
                elif stream[opening].text == "(":
                    depth -= 1
                    if depth == 0:
                        break
                opening -= 1
            if stream[opening - 1].text not in ("if", "while", "for"):
                continue
        elif before not in ("{", "}", ";", "else", ":"):
            continue
        if stream[index].kind != "word" and stream[index].text not in ("*", "(", "++", "--"):
            continue
        end = index
        operators, depth = [], 0
        while end < last and not (stream[end].text == ";" and depth == 0):
            if stream[end].text in CLOSING:
                depth += 1
            elif stream[end].text in CLOSING.values():
                depth -= 1
            elif depth == 0 and (stream[end].text in STORES or stream[end].text in ("++", "--")):
                operators.append(end)
            if depth < 0 or stream[end].text == "{" or stream[end].text in ("if", "for", "while", "switch", "return", "case", "do"):
                break
            end += 1
        if end >= last or stream[end].text != ";":
            continue
        if stream[index].text in ("memset", "memcpy"):
            yield index, end
        elif operators and not is_declaration(stream, index, operators[0]):
            yield index, end


def is_declaration(stream, start, operator):
    """Two words in a row before the = (type and name, stars between) make a declaration."""
    texts = stream[start:operator]
    for left, right in zip(texts, texts[1:]):
        if left.kind == "word" and (right.kind == "word" or (right.text == "*" and left is texts[0])):
            return True
    return False


def mutants(path, text, names):
    """All mutants of those functions of the file."""
    stream = tokens(text)
    found = []

    def add(name, token, rule, start, end, replacement):
        line = text.count("\n", 0, token.start) + 1
        shown = " ".join(text[start:end].split())
        # Labels name no line: they stay the same while the file around changes.
        label = f"{name}: {rule}: {shown}"
        found.append((line, name, Mutant(path, label, text[:start] + replacement + text[end:])))

    for name in names:
        first, last = body(stream, name)
        for start, end in conditions(stream, first, last):
            begin, finish = stream[start].start, stream[end - 1].end
            add(name, stream[start], "negated", begin, finish, f"!({text[begin:finish]})")
        for index in range(first, last):
            token = stream[index]
            if token.text in OFF_BY_ONE:
                line_start = text.rfind("\n", 0, token.start) + 1
                line_end = text.find("\n", token.end)
                same = [other for other in stream if line_start <= other.start < line_end and other.text == token.text]
                which = f" (number {same.index(token) + 1})" if len(same) > 1 else ""
                shown = " ".join(text[line_start:line_end].split())
                found.append((text.count("\n", 0, token.start) + 1, name, Mutant(
                    path, f"{name}: {token.text} to {OFF_BY_ONE[token.text]}: {shown}{which}",
                    text[:token.start] + OFF_BY_ONE[token.text] + text[token.end:])))
        for start, end in stores(stream, first, last):
            add(name, stream[start], "store dropped", stream[start].start, stream[end].end, ";")
    labels = collections.Counter()
    result = []
    for _, _, mutant in sorted(found, key=lambda entry: (entry[1], entry[0])):
        labels[mutant.label] += 1
        count = labels[mutant.label]
        result.append(mutant if count == 1 else mutant._replace(label=f"{mutant.label} #{count}"))
    return result
