"""Reads an expression and works it out, by precedence climbing. Nothing in it is ever run as code.

Lowest to highest: `+ -` and `and` · `* / // mod of per` and what stands side by side · unary `-` · `^` · `!` and `%` · numbers
with their units, so that `10 m / 2 s` is (10 m) / (2 s).
"""

import functions
import units
from lexer import tokens
from quantity import NONE, Quantity, Refused, of_unit

MAX_DEPTH = 40
CONSTANTS = {
    "pi": lambda: Quantity(functions.PI, exact=False),
    "π": lambda: Quantity(functions.PI, exact=False),
    "tau": lambda: Quantity(2 * functions.PI, exact=False),
    "τ": lambda: Quantity(2 * functions.PI, exact=False),
    "e": lambda: Quantity(functions.E, exact=False),
    "phi": lambda: Quantity((1 + functions.root(Quantity(5)).value) / 2, exact=False),
}
COMPARISONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
TARGETS = ("to", "in", "as", "->", "=>")
WORDS = (*TARGETS, "of", "per", "mod", "and")
FORMATS = ("hex", "bin", "binary", "oct", "octal", "fraction", "percent", "%")


class Conversion:
    """A quantity and what it is wanted in: a unit as a quantity with the text that named it, or a format's name."""

    def __init__(self, quantity, unit=None, text="", format=""):
        self.quantity, self.unit, self.text, self.format = quantity, unit, text, format


class Comparison:
    def __init__(self, holds, left, right):
        self.holds, self.left, self.right = holds, left, right


class Parser:
    def __init__(self, text, variables, notes):
        self.text, self.variables, self.notes = text, variables, notes
        self.tokens, self.at, self.depth = tokens(text, functions.FUNCTIONS, units.find), 0, 0
        self.begin = 0

    # Looking at tokens.

    def peek(self, ahead=0):
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self):
        token = self.peek()
        self.at += 1
        return token

    def accept(self, *texts):
        """Takes the next token when it is one of these signs or words."""
        token = self.peek()
        if token.kind in ("sign", "word") and token.text in texts:
            return self.take()
        return None

    def expect(self, text):
        if not self.accept(text):
            raise Refused(f"`{text}` is missing {self.place()}")

    def place(self):
        token = self.peek()
        return "at the end" if token.kind == "end" else f"before `{self.text[token.start:][:20]}`"

    def unit_at(self, ahead=0):
        """The unit that begins there and how many tokens it takes; `(None, 0)` for anything else."""
        token = self.peek(ahead)
        if token.kind != "word" or token.text in self.variables:
            return None, 0
        after = self.peek(ahead + 1)
        if after.kind == "word" and token.text not in WORDS:
            pair = units.find(f"{token.text}_{after.text}")
            if pair is not None:
                return pair, 2
            square = {"square": "sq", "sq": "sq", "cubic": "cu", "cu": "cu"}.get(token.text)
            pair = square and units.find(square + _singular(after.text))
            if pair:
                return pair, 2
        if token.text in ("to", "as", "of", "per", "mod", "and") or token.text in CONSTANTS:
            return None, 0
        if after.text == "(" and token.text in functions.FUNCTIONS:
            return None, 0
        unit = units.find(token.text)
        return (unit, 1) if unit is not None else (None, 0)

    # The grammar.

    def statement(self):
        self.begin = self.at
        token, sign = self.peek(), self.peek(1)
        if token.kind == "word" and sign.text == "=" and self.may_name(token.text):
            self.at += 2
            self.variables[token.text] = result = self.sum()
        else:
            result = self.sum()
            compare = self.accept(*COMPARISONS)
            if compare:
                result = self.compared(result, compare.text)
            elif self.accept(*TARGETS):
                result = self.converted(result)
        if self.peek().kind != "end" and self.peek().text != ";":
            raise Refused(f"this can't be read {self.place()}")
        return result

    def may_name(self, word):
        if word in self.variables:
            return True
        return word not in CONSTANTS and word not in functions.FUNCTIONS and word not in WORDS and not units.find(word)

    def compared(self, left, sign):
        right = self.sum()
        left.same(right, "these can't be compared")
        return Comparison(COMPARISONS[sign](left.value, right.value), left, right)

    def converted(self, quantity):
        token = self.peek()
        if token.text in FORMATS and self.peek(1).kind == "end":
            self.take()
            return Conversion(quantity, format=token.text)
        unit = self.product()
        end = self.peek().start
        return Conversion(quantity, unit, self.text[token.start:end].strip())

    def sum(self):
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Refused(f"more than {MAX_DEPTH} brackets inside of each other")
        left = self.product()
        while True:
            token = self.accept("+", "-", "and")
            if not token:
                self.depth -= 1
                return left
            right, sign = self.product(), -1 if token.text == "-" else 1
            if right.percent and not left.percent:
                self.note(f"the percentage after `{token.text}` is taken of what stands before it")
                left = left.times(Quantity(1 + sign * right.value, exact=right.exact))
            else:
                both = left.percent and right.percent
                left = left.add(right, sign)
                left.percent = both

    def product(self):
        left = self.unary()
        while True:
            if self.accept("*", "of"):
                left = left.times(self.unary())
            elif self.accept("/", "per"):
                left = left.times(self.unary(), -1)
            elif self.accept("//"):
                left = functions.floor_divide(left, self.unary())
            elif self.accept("mod", "%"):
                left = functions.modulo(left, self.unary())
            elif self.begins_factor():
                left = left.times(self.power())
            else:
                return left

    def begins_factor(self):
        """Whether what comes next multiplies without a sign: `2(3)`, `2 pi`, `m s`."""
        token = self.peek()
        if token.text == "(":
            return True
        if token.kind != "word" or token.text in WORDS:
            return False
        return True

    def unary(self, exponent=False):
        self.depth += 1
        if self.depth > 2 * MAX_DEPTH:
            raise Refused("too many signs in a row")
        try:
            if self.peek().text == "-":
                # -40 °C is a temperature, not the negative of one.
                unit, _ = self.unit_at(2)
                if self.peek(1).kind == "number" and unit is not None and unit.name in units.OFFSETS:
                    self.take()
                    return self.measured(-self.take().value)
                self.take()
                negative = self.unary(exponent)
                if negative.point:
                    raise Refused("a temperature in °C or °F has no negative; write the sign before its number")
                result = negative.like(-negative.value)
                result.percent = negative.percent
                return result
            if self.accept("+"):
                return self.unary(exponent)
            if self.accept("√"):
                return functions.root(self.unary(exponent))
            return self.power(exponent)
        finally:
            self.depth -= 1

    def power(self, exponent=False):
        base = self.postfix(exponent)
        if self.accept("^"):
            base = functions.power(base, self.unary(exponent=True))
        return base

    def postfix(self, exponent):
        value = self.primary(exponent)
        while True:
            if self.accept("!"):
                value = functions.factorial(value)
            elif self.peek().text == "%" and not self.is_modulo():
                self.take()
                value = Quantity(value.number("a percentage") / 100, exact=value.exact, percent=True)
            else:
                return value

    def is_modulo(self):
        """`10 % 3` divides; `10 %`, `10 % of`, `10 % - 3` are percentages."""
        after = self.peek(1)
        return after.kind == "number" or after.text == "(" or (after.kind == "word" and after.text not in WORDS)

    def primary(self, exponent):
        token = self.take()
        if token.kind == "number":
            return Quantity(token.value) if exponent else self.measured(token.value)
        if token.text == "(":
            value = self.sum()
            self.expect(")")
            return value
        if token.kind == "word":
            return self.named(token)
        self.at -= 1
        raise Refused(f"a number is missing {self.place()}")

    def named(self, token):
        name = token.text
        if name in self.variables:
            return self.variables[name]
        if self.peek().text == "(" and name.lower() in functions.FUNCTIONS:
            return self.called(name.lower())
        if name in CONSTANTS:
            return CONSTANTS[name]()
        self.at -= 1
        unit, taken = self.unit_at()
        if unit is None and units.find(name) is not None and name not in ("to", "as"):
            unit, taken = units.find(name), 1
        if unit is None:
            raise Refused(f"`{name}` is no number, unit, function or variable known here")
        self.at += taken
        return self.used(unit)

    def used(self, unit):
        if unit.note:
            self.note(unit.note)
        return of_unit(unit)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def called(self, name):
        fewest, most, function = functions.FUNCTIONS[name]
        is_first = self.at == self.begin + 1
        self.expect("(")
        given = []
        if not self.accept(")"):
            given.append(self.sum())
            while self.accept(",", ";"):
                given.append(self.sum())
            self.expect(")")
        if not fewest <= len(given) <= most:
            wants = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise Refused(f"{name} takes {wants} values, not {len(given)}")
        result = function(*given)
        if not isinstance(result, Quantity) and not (is_first and self.peek().kind == "end"):
            raise Refused(f"{name} must stand alone: its answer is no number")
        return result

    def measured(self, number):
        """A number with the units behind it, and further such pairs that add to it: `5 ft 3 in`."""
        quantity = self.with_units(Quantity(number))
        while quantity.label and self.peek().kind == "number":
            unit, _ = self.unit_at(1)
            if unit is None or of_unit(unit).dims != quantity.dims:
                break
            quantity = quantity.add(self.with_units(Quantity(self.take().value)))
        return quantity

    def with_units(self, quantity):
        first = True
        while True:
            unit, taken = self.unit_at()
            word = self.peek().text
            # `in` is the inch right behind a number, unless a unit follows; else it asks for a conversion.
            converts = word == "in" and self.peek(1).text != "in" and self.unit_at(1)[0] is not None
            if unit is None or converts or (word == "in" and not first):
                return quantity
            self.at += taken
            one = self.used(unit)
            if self.peek().text == "^" and self.peek().kind == "sign":
                self.take()
                one = functions.power(one, self.unary(exponent=True))
            if first and unit.name in units.OFFSETS and one.label == ((unit, 1),) and self.peek().text not in ("/", "per"):
                value = quantity.value * one.value + units.OFFSETS[unit.name]
                return Quantity(value, one.dims, quantity.exact, one.label, point=True)
            quantity = quantity.times(one)
            first = False


def _singular(word):
    known = {"feet": "ft", "foot": "ft", "inches": "in", "inch": "in"}
    return known.get(word, word)


def evaluate(text, notes=None):
    """The value of a text: a quantity, a conversion, a comparison, a truth or a text."""
    variables, notes = {}, [] if notes is None else notes
    parser = Parser(text, variables, notes)
    if parser.peek().kind == "end":
        raise Refused("the expression is empty")
    while True:
        result = parser.statement()
        if parser.peek().kind == "end":
            return result
        parser.take()
        if parser.peek().kind == "end":
            return result
