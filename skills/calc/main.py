#!/usr/bin/env python3
"""Exact arithmetic and units: one JSON object on stdin, one on stdout."""

import json
import re
import sys

DIGITS, MOST_DIGITS = 20, 1000


def text_of(quantity, digits):
    """The quantity as fields of the answer."""
    from quantity import SHOWN_OF_ROUNDED, decimal, shown

    value, exact, unit = shown(quantity)
    return fields(value, exact, unit, digits if exact else min(digits, SHOWN_OF_ROUNDED), decimal)


def fields(value, exact, unit, digits, decimal):
    written, ends = decimal(value, digits)
    answer = {
        "result": f"{'' if exact and ends else '≈ '}{written}{'' if unit in ('', '%') else ' '}{unit}",
        "decimal": written,
        "unit": unit,
        "is_exact": exact,
    }
    if exact:
        answer["exact"] = str(value)
    return answer


def converted(conversion, digits, notes):
    """A quantity in the unit, or the format, that was asked for."""
    import units
    from quantity import SHOWN_OF_ROUNDED, SUPERSCRIPT, Refused, decimal

    quantity, unit = conversion.quantity, conversion.unit
    if conversion.format in ("hex", "bin", "binary", "oct", "octal"):
        how = {"h": "#x", "b": "#b", "o": "#o"}[conversion.format[0]]
        return {"result": format(quantity.integer("another base"), how), "is_exact": True}
    if conversion.format == "fraction":
        if not quantity.exact:
            raise Refused("a rounded number has no fraction")
        return fields(quantity.number("a fraction"), True, "", digits, lambda value, _: (str(value), True))
    if conversion.format:
        value, exact, text, factor = quantity.number("a percentage") * 100, quantity.exact, "%", 1
    else:
        text, factor, exact = conversion.text, unit.value, quantity.exact and unit.exact
        name = unit.label[0][0].name if len(unit.label) == 1 and unit.label[0][1] == 1 else ""
        if factor == 0:
            raise Refused("nothing can be given in a unit that is zero")
        value = quantity.value
        if quantity.dims != unit.dims and quantity.dims == tuple(-part for part in unit.dims):
            notes.append("the one is the inverse of the other")
            value = 1 / value
        else:
            quantity.same(unit, "this can't be converted")
        if name in units.OFFSETS and quantity.point is not False:
            value -= units.OFFSETS[name]
        elif name in units.OFFSETS:
            text = "Δ" + name
    text = re.sub(r"\^\(?(-?\d+)\)?", lambda found: found[1].translate(SUPERSCRIPT), text)
    return fields(value / factor, exact, text, digits if exact else min(digits, SHOWN_OF_ROUNDED), decimal)


def run(arguments):
    from expression import Comparison, Conversion, evaluate
    from lexer import plain
    from quantity import Quantity, Refused

    expression, digits = arguments.get("expression"), arguments.get("digits", DIGITS)
    if not isinstance(expression, str):
        raise Refused("`expression` must be a text, such as \"3/7 + 15%\" or \"5 ft 3 in to cm\"")
    if isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= MOST_DIGITS:
        raise Refused(f"`digits` must be a whole number from 1 to {MOST_DIGITS}")
    notes = []
    result = evaluate(plain(expression).strip().rstrip("=?").strip(), notes)
    if isinstance(result, Comparison):
        answer = {"result": result.holds, "is_exact": result.left.exact and result.right.exact}
        answer["left"], answer["right"] = (text_of(side, digits)["result"] for side in (result.left, result.right))
        if not answer["is_exact"]:
            notes.append("rounded numbers were compared, to 60 digits")
    elif isinstance(result, Conversion):
        answer = converted(result, digits, notes)
    elif isinstance(result, Quantity):
        answer = text_of(result, digits)
    else:
        answer = {"result": result, "is_exact": True}
    if notes:
        answer["notes"] = notes
    return answer


def main():
    given = sys.stdin.buffer.read()
    try:
        arguments = json.loads(given)
        if not isinstance(arguments, dict):
            raise ValueError("not an object")
    except ValueError as error:
        return fail(f"the arguments are no JSON object: {error}")
    from quantity import Refused

    try:
        answer = run(arguments)
    except Refused as error:
        return fail(str(error))
    tell(answer)


def tell(answer):
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def fail(message):
    """What the model is told instead of an answer."""
    tell({"error": message})


if __name__ == "__main__":
    main()
