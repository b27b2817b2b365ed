"""A number with a dimension: exact as a fraction, or marked as rounded to 60 digits."""

from decimal import Context, Decimal, ROUND_HALF_EVEN
from fractions import Fraction

import units

# Longest number that is worked with, in decimal digits and in bits.
MAX_DIGITS = 4000
MAX_BITS = 13290
# Digits that rounded numbers are kept to, and those that may be shown of them.
PRECISION = 60
SHOWN_OF_ROUNDED = 50
CONTEXT = Context(prec=PRECISION + 10, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999)

NONE = (0,) * len(units.BASES)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Refused(Exception):
    """What can't be answered, in words for whoever asked."""


def dims(**exponents):
    return tuple(exponents.get(base, 0) for base in units.BASES)


# Units that answers without one of their own are given in.
DERIVED = {
    dims(mass=1, length=1, time=-2): "N",
    dims(mass=1, length=2, time=-2): "J",
    dims(mass=1, length=2, time=-3): "W",
    dims(mass=1, length=-1, time=-2): "Pa",
    dims(time=-1): "Hz",
    dims(mass=1, length=2, time=-3, current=-1): "V",
    dims(mass=1, length=2, time=-3, current=-2): "Ω",
}
NAMES = {
    NONE: "a plain number",
    dims(length=1): "a length",
    dims(length=2): "an area",
    dims(length=3): "a volume",
    dims(mass=1): "a mass",
    dims(time=1): "a time",
    dims(temperature=1): "a temperature",
    dims(length=1, time=-1): "a speed",
    dims(length=1, time=-2): "an acceleration",
    dims(mass=1, length=1, time=-2): "a force",
    dims(mass=1, length=2, time=-2): "an energy",
    dims(mass=1, length=2, time=-3): "a power",
    dims(mass=1, length=-1, time=-2): "a pressure",
    dims(data=1): "an amount of data",
    dims(data=1, time=-1): "a data rate",
    dims(angle=1): "an angle",
    dims(time=-1): "a frequency",
}
BASE_SYMBOLS = ("m", "kg", "s", "K", "A", "mol", "bit", "turn")


def bounded(value):
    """The fraction, unless it is longer than what is worked with."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise Refused(f"a number on the way has more than {MAX_DIGITS} digits; ask for less")
    return value


def rounded(value):
    """A fraction cut to the precision of rounded numbers."""
    return Fraction(CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator)))


class Quantity:
    """A value in base units.

    `label` says how to show it: pairs of unit and exponent. `point` is true for a temperature on a scale with an
    offset, false for a difference of two such, and `None` for what may be either. `percent` marks `15%`.
    """

    __slots__ = ("value", "dims", "exact", "label", "point", "percent")

    def __init__(self, value, dims=NONE, exact=True, label=(), point=None, percent=False):
        value = bounded(Fraction(value))
        self.value = value if exact else rounded(value)
        self.dims, self.exact, self.label, self.point, self.percent = dims, exact, label, point, percent

    def like(self, value, exact=True):
        """Another value of the same kind."""
        return Quantity(value, self.dims, self.exact and exact, self.label, self.point)

    def what(self):
        """The kind of quantity, for messages."""
        return NAMES.get(self.dims) or f"in {symbols(self.dims)}"

    def number(self, why):
        """The value of a plain number."""
        if self.dims != NONE:
            raise Refused(f"{why} needs a plain number, not {self.what()}")
        return self.value

    def integer(self, why):
        value = self.number(why)
        if value.denominator != 1 or not self.exact:
            raise Refused(f"{why} needs a whole number")
        return value.numerator

    def same(self, other, what):
        if self.dims != other.dims:
            raise Refused(f"{what}: the one is {self.what()}, the other {other.what()}")

    def add(self, other, sign=1):
        self.same(other, "these can't be added" if sign > 0 else "these can't be subtracted")
        point = self.point
        if self.point and other.point:
            if sign > 0:
                raise Refused("two temperatures can't be added; write the difference as Δ°C, Δ°F or K")
            point = False
        elif other.point:
            if sign < 0:
                raise Refused("a temperature can't be subtracted from a difference of temperatures")
            point = True
        elif point is None:
            point = other.point
        label = self.label or other.label
        if point and not self.point:
            label = other.label
        return Quantity(self.value + sign * other.value, self.dims, self.exact and other.exact, label, point)

    def times(self, other, power=1):
        """The product with the other to the power of 1 or −1."""
        for one in (self, other):
            if one.point:
                raise Refused("a temperature in °C or °F can't be multiplied or divided; convert it to K, or write Δ°C")
        if power < 0 and other.value == 0:
            raise Refused("this divides by zero")
        value = self.value * other.value if power > 0 else self.value / other.value
        both = tuple(a + power * b for a, b in zip(self.dims, other.dims))
        return Quantity(value, both, self.exact and other.exact, merged(self.label, other.label, power, both))


def merged(ours, theirs, power, both):
    """The label of a product; none when it would name two units for one dimension."""
    exponents = {}
    for unit, exponent in ours + tuple((unit, power * exponent) for unit, exponent in theirs):
        before = exponents.get(unit.name, (unit, 0))
        exponents[unit.name] = (before[0], before[1] + exponent)
    label = tuple((unit, exponent) for unit, exponent in exponents.values() if exponent)
    kinds = [tuple(map(bool, plain(unit).dims)) for unit, _ in label]
    if both == NONE or any(kinds.count(kind) > 1 for kind in kinds):
        return ()
    return label


_PLAIN = {}


def plain(unit):
    """One of a unit, without the square that its name may ask for."""
    if unit.name not in _PLAIN:
        if unit.definition.startswith("!"):
            one = Quantity(1, dims(**{unit.definition[1:]: 1}))
        else:
            import expression

            one = expression.evaluate(unit.definition)
        _PLAIN[unit.name] = Quantity(one.value * unit.scale, one.dims, one.exact)
    return _PLAIN[unit.name]


def of_unit(unit):
    """What a unit's name stands for, as a quantity."""
    one, power = plain(unit), unit.power
    return Quantity(one.value ** power, tuple(power * part for part in one.dims), one.exact, ((unit, power),))


def symbols(exponents):
    """`kg·m²/s²` for a dimension."""
    return joined([(symbol, exponent) for symbol, exponent in zip(BASE_SYMBOLS, exponents) if exponent])


def joined(parts):
    def one(name, exponent):
        return name if exponent == 1 else name + str(exponent).translate(SUPERSCRIPT)

    above = [one(name, exponent) for name, exponent in parts if exponent > 0]
    below = [one(name, -exponent) for name, exponent in parts if exponent < 0]
    if not above:
        return "·".join(one(name, exponent) for name, exponent in parts)
    under = "·".join(below)
    return "·".join(above) + (f"/({under})" if len(below) > 1 else f"/{under}" if below else "")


def shown(quantity):
    """Value and unit to show for a quantity."""
    if quantity.dims == NONE:
        return quantity.value, quantity.exact, ""
    label = quantity.label
    if label:
        if len(label) == 1 and label[0][1] == 1 and label[0][0].name in units.OFFSETS:
            unit = label[0][0]
            one = plain(unit).value
            if quantity.point:
                return (quantity.value - units.OFFSETS[unit.name]) / one, quantity.exact, unit.name
            if quantity.point is False:
                return quantity.value / one, quantity.exact, "Δ" + unit.name
        factor, exact = Fraction(1), quantity.exact
        for unit, exponent in label:
            one = plain(unit)
            factor, exact = factor * one.value ** exponent, exact and one.exact
        text = joined([(unit.name, exponent) for unit, exponent in label])
        # kg·m/s² and Pa·m² have a better name, N; but a torque is no energy.
        if len(label) > 1 and factor == 1 and text != "N·m":
            text = DERIVED.get(quantity.dims, text)
        return quantity.value / factor, exact, text
    if quantity.dims == dims(angle=1):
        return quantity.value * 360, quantity.exact, "deg"
    return quantity.value, quantity.exact, DERIVED.get(quantity.dims) or symbols(quantity.dims)


def decimal(value, digits):
    """A fraction as a decimal, cut to so many significant digits unless it is whole; and whether nothing was cut."""
    if value.denominator == 1:
        return str(value.numerator), True
    sign, value = ("-" if value < 0 else ""), abs(value)
    # The exponent of the first digit.
    first = len(str(value.numerator)) - len(str(value.denominator))
    if value < Fraction(10) ** first:
        first -= 1
    shift = digits - 1 - first
    scaled = value * Fraction(10) ** shift
    whole = round(scaled)
    if whole >= 10 ** digits:
        whole, first, shift = whole // 10, first + 1, shift - 1
    text, ends = str(whole), scaled == whole
    if first < -7 or first >= max(digits, 30):
        tail = text[1:].rstrip("0")
        return f"{sign}{text[0]}{'.' + tail if tail else ''}e{first}", ends
    if shift <= 0:
        return sign + text + "0" * -shift, ends
    text = text.rjust(shift + 1, "0")
    tail = text[-shift:].rstrip("0")
    return sign + text[:-shift] + ("." + tail if tail else ""), ends
