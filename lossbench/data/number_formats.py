"""Read numbers as people write them: with currency signs, percent signs, separators or decimal commas."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CODES = (
    "USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|AUD|CAD|NZD|DKK|SEK|NOK|ISK|PLN|CZK|HUF|RON|BGN|RUB|UAH|TRY|ILS|ZAR|BRL|MXN"
    "|ARS|CLP|COP|KRW|HKD|SGD|THB"
)
_CURRENCY = rf"(?:US|AU|CA|NZ|HK|A|C|R|S)?\$|[€£¥₹₽₩₺₫₪฿]|zł|Kč|[Kk]r\.?|Rs\.?|Fr\.|(?:{_CODES})\b"
_CELL = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[-+])?\s*(?P<before>{_CURRENCY})?\s*(?P<sign2>[-+])?\s*"
    r"(?P<digits>[\d.,' ]*[\d.])(?P<exponent>[eE][-+]?\d+)?"
    rf"\s*(?P<after>{_CURRENCY}|%)?\s*(?P<close>\))?"
)
_UNUSUAL = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
_PLAIN = re.compile(r"\d+\.?\d*|\.\d+")
_GROUPED = re.compile(r"\d{1,3}([,' ])\d{3}(?:\1\d{3})*(?:\.\d*)?")
_DECIMAL_COMMA = re.compile(r"\d*,\d+|\d{1,3}([.' ])\d{3}(?:\1\d{3})*(?:,\d+)?|\d+")
# A comma with three digits on its right may be either; these forms leave no doubt
_SURE_COMMA = re.compile(r"\d*,(\d{1,2}|\d{4,})|0?,\d+|\d{4,},\d+|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}")
_SURE_POINT = re.compile(r"\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,}|\d*\.(\d{0,2}|\d{4,})")


@dataclass(frozen=True, eq=False)
class Numbers:
    """What texts are as numbers.

    Attributes:
        values: one for each text; NaN where it is no number.
        conversions: a sentence for each format that was converted, with an example.
    """

    values: NDArray[np.float64]
    conversions: tuple[str, ...]


def parse_numbers(texts: Sequence[str]) -> Numbers:
    """Read the different texts of a column as numbers, as far as they are numbers.

    The texts decide together whether a comma is a decimal sign. Texts in several currencies, or of which
    only some are percentages, are no numbers of one unit, and these texts stay what they are.

    >>> parse_numbers(["$5.00", "$1,200"]).values.tolist()
    [5.0, 1200.0]
    >>> parse_numbers(["5,1", "8", "1.200,5"]).values.tolist()
    [5.1, 8.0, 1200.5]
    """
    matches = [_CELL.fullmatch(text.translate(_UNUSUAL).strip()) for text in texts]
    matches = [match if match and _is_consistent(match) else None for match in matches]
    bodies = [match["digits"].strip() for match in matches if match]
    comma_is_decimal = any(_SURE_COMMA.fullmatch(body) for body in bodies)
    if comma_is_decimal and any(_SURE_POINT.fullmatch(body) for body in bodies):
        return _converted(texts, matches, None)
    return _converted(texts, matches, comma_is_decimal)


def _is_consistent(match: re.Match[str]) -> bool:
    one_sign = not (match["sign"] and match["sign2"]) and not (match["before"] and match["after"])
    closed = bool(match["open"]) == bool(match["close"])
    return one_sign and closed and not (match["open"] and (match["sign"] or match["sign2"]))


def _converted(
    texts: Sequence[str], matches: list[re.Match[str] | None], comma_is_decimal: bool | None
) -> Numbers:
    """Convert the texts that match, and describe the first example of each format."""
    units = [
        (match["before"] or match["after"] or "").rstrip(".").lower() if match else "" for match in matches
    ]
    zero = [match is not None and not match["digits"].strip("0., '") for match in matches]
    currencies = {unit for unit in units if unit not in ("", "%")}
    some_percent = "%" in units and any(
        match and unit != "%" and not is_zero
        for match, unit, is_zero in zip(matches, units, zero, strict=True)
    )
    values = np.full(len(texts), np.nan)
    examples: dict[str, tuple[str, float]] = {}
    for index, (text, match, unit) in enumerate(zip(texts, matches, units, strict=True)):
        if match is None or (unit == "%" and some_percent) or (unit in currencies and len(currencies) > 1):
            continue
        number = _number(match["digits"].strip(), comma_is_decimal)
        if number is None:
            continue
        negative = "-" in (match["sign"], match["sign2"]) or match["open"]
        values[index] = float(f"{number}{match['exponent'] or ''}") * (-1 if negative else 1)
        for kind in _formats(match, unit, comma_is_decimal):
            examples.setdefault(kind, (text, float(values[index])))
    sentences = (f"{kind}: `{text}` is read as {value:.10g}." for kind, (text, value) in examples.items())
    return Numbers(values, tuple(sentences))


def _number(body: str, comma_is_decimal: bool | None) -> str | None:
    """Return digits with a decimal point, or None if they are no number."""
    if comma_is_decimal:
        if not _DECIMAL_COMMA.fullmatch(body):
            return None
        return re.sub("[.' ]", "", body).replace(",", ".")
    if _PLAIN.fullmatch(body):
        return body
    if comma_is_decimal is None or not _GROUPED.fullmatch(body):
        return None
    return re.sub("[,' ]", "", body)


def _formats(match: re.Match[str], unit: str, comma_is_decimal: bool | None) -> list[str]:
    """Return the names of the formats that a text has beyond a plain number."""
    body = match["digits"].strip()
    groups = re.search(r"[.' ]\d{3}" if comma_is_decimal else r"[,' ]\d{3}", body)
    kinds = {
        "Percent signs are removed": unit == "%",
        "Currencies are removed": unit not in ("", "%"),
        "Separators of thousands are removed": groups is not None,
        "Commas are decimal signs": bool(comma_is_decimal) and "," in body,
        "Parentheses mean negative numbers": match["open"] is not None,
    }
    return [kind for kind, applies in kinds.items() if applies]
