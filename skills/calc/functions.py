"""Functions of the calculator: exact where the answer is, else rounded."""

import math
from decimal import Decimal
from fractions import Fraction

from quantity import CONTEXT, MAX_BITS, NONE, Quantity, Refused, dims

PI = Fraction(Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211707"))
E = Fraction(CONTEXT.exp(Decimal(1)))
ANGLE = dims(angle=1)
# Sines that are fractions, by their angle in turns; there are no others.
SINES = {Fraction(turns): Fraction(sine) for turns, sine in
         (("0", "0"), ("1/12", "1/2"), ("1/4", "1"), ("5/12", "1/2"), ("1/2", "0"), ("7/12", "-1/2"), ("3/4", "-1"),
          ("11/12", "-1/2"))}
MAX_FACTORIAL = 1500
MAX_FACTORED = 10 ** 12
MAX_PRIME = 10 ** 24


def as_decimal(value):
    return CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def whole_root(number, degree):
    """The whole root of a whole number, or `None`."""
    if number < 2:
        return number
    guess = 1 << -(-number.bit_length() // degree)
    while True:
        better = ((degree - 1) * guess + number // guess ** (degree - 1)) // degree
        if better >= guess:
            return guess if guess ** degree == number else None
        guess = better


def root_of(value, degree):
    """The root of a fraction that is not negative, and whether it is exact."""
    above, below = whole_root(value.numerator, degree), whole_root(value.denominator, degree)
    if above is not None and below is not None:
        return Fraction(above, below), True
    if degree == 2:
        return Fraction(CONTEXT.sqrt(as_decimal(value))), False
    return Fraction(CONTEXT.power(as_decimal(value), CONTEXT.divide(Decimal(1), Decimal(degree)))), False


def root(quantity, degree=2):
    if not 1 <= degree <= 1000:
        raise Refused("the degree of a root must be 1 to 1000")
    if quantity.point:
        raise Refused("a temperature in °C or °F has no root; convert it to K")
    if any(part % degree for part in quantity.dims):
        raise Refused(f"the root of {quantity.what()} has no unit")
    if quantity.value < 0 and degree % 2 == 0:
        raise Refused("an even root of a negative number is not a real number")
    value, exact = root_of(abs(quantity.value), degree)
    sign = -1 if quantity.value < 0 else 1
    label = ()
    if all(exponent % degree == 0 for _, exponent in quantity.label):
        label = tuple((unit, exponent // degree) for unit, exponent in quantity.label)
    return Quantity(sign * value, tuple(part // degree for part in quantity.dims), quantity.exact and exact, label)


def power(base, exponent):
    if base.point:
        raise Refused("a temperature in °C or °F has no powers; convert it to K")
    times = exponent.number("an exponent")
    if times.denominator == 1:
        times = times.numerator
        if base.value == 0 and times < 0:
            raise Refused("this divides by zero")
        size = max(base.value.numerator.bit_length(), base.value.denominator.bit_length())
        if abs(times) > MAX_BITS or (size > 1 and (size - 1) * abs(times) > MAX_BITS):
            if abs(base.value) != 1 and base.value != 0:
                raise Refused("the power would be too long a number (4000 digits at most)")
            times = times % 2 if base.value == -1 else min(max(times, -1), 1)
        label = tuple((unit, part * times) for unit, part in base.label)
        return Quantity(base.value ** times, tuple(part * times for part in base.dims),
                        base.exact and exponent.exact, label if times else ())
    if base.dims != NONE:
        if times.denominator <= 1000:
            return power(root(base, times.denominator), Quantity(times.numerator))
        raise Refused(f"{base.what()} can be raised to whole powers only")
    if base.value < 0:
        raise Refused("a negative number has no real power with a fraction as exponent; for odd roots use cbrt(x) or root(x, n)")
    if exponent.exact and times.denominator <= 1000:
        value, exact = root_of(base.value, times.denominator)
        if exact:
            return power(Quantity(value, exact=base.exact), Quantity(times.numerator))
    if base.value == 0:
        return Quantity(0, exact=base.exact)
    return exp(Quantity(times * ln(base).value, exact=False))


def exp(quantity):
    value = quantity.number("exp")
    if abs(value) > 9000:
        raise Refused("exp is known here for numbers between -9000 and 9000")
    return Quantity(Fraction(CONTEXT.exp(as_decimal(value))), exact=value == 0 and quantity.exact)


def ln(quantity):
    value = quantity.number("a logarithm")
    if value <= 0:
        raise Refused("a logarithm needs a positive number")
    return Quantity(Fraction(CONTEXT.ln(as_decimal(value))), exact=value == 1 and quantity.exact)


def log(quantity, base=None):
    base = base or Quantity(10)
    value, radix = quantity.number("a logarithm"), base.number("the base of a logarithm")
    if radix <= 0 or radix == 1:
        raise Refused("the base of a logarithm must be positive and not 1")
    found = ln(quantity).value / ln(base).value
    near = round(found)
    if abs(near) <= MAX_BITS and abs(found - near) < Fraction(1, 10 ** 20) and radix ** near == value:
        return Quantity(near, exact=quantity.exact and base.exact)
    return Quantity(found, exact=False)


def turns(quantity, name):
    """The angle in turns; plain numbers are radians."""
    if quantity.dims == ANGLE:
        return quantity.value, quantity.exact
    return quantity.number(name) / (2 * PI), quantity.exact and quantity.value == 0


def sine(part):
    """The sine of an angle in turns, at least 0 and below 1."""
    x = as_decimal(part * 2 * PI)
    square, term, total, n = CONTEXT.multiply(x, x), x, x, 1
    while abs(term) > Decimal("1e-75"):
        n += 2
        term = CONTEXT.divide(CONTEXT.multiply(-term, square), Decimal(n * (n - 1)))
        total = CONTEXT.add(total, term)
    return Fraction(total)


def sin(quantity, name="sin", shift=Fraction(0)):
    part, exact = turns(quantity, name)
    if abs(part) > 10 ** 20:
        raise Refused(f"{name} needs a smaller angle")
    part = (part + shift) % 1
    if exact and part in SINES:
        return Quantity(SINES[part])
    # Near zero the series needs least.
    return Quantity(sine(part - 1 if part > Fraction(1, 2) else part), exact=False)


def cos(quantity):
    return sin(quantity, "cos", Fraction(1, 4))


def tan(quantity):
    below = cos(quantity)
    if below.value == 0:
        raise Refused("the tangent of a quarter turn is infinite")
    part, exact = turns(quantity, "tan")
    eighth = part % Fraction(1, 2)
    if exact and eighth in (Fraction(1, 8), Fraction(3, 8)):
        return Quantity(1 if eighth == Fraction(1, 8) else -1)
    return sin(quantity, "tan").times(below, -1)


def angle(turns_, exact):
    import units

    return Quantity(turns_, ANGLE, exact, ((units.find("deg"), 1),))


def atan(quantity):
    value = quantity.number("atan")
    if abs(value) in (0, 1):
        return angle(Fraction(value) / 8, quantity.exact)
    x, one = as_decimal(abs(value)), Decimal(1)
    halvings = 4
    for _ in range(halvings):
        x = CONTEXT.divide(x, CONTEXT.add(one, CONTEXT.sqrt(CONTEXT.add(one, CONTEXT.multiply(x, x)))))
    square, term, total, n = CONTEXT.multiply(x, x), x, x, 1
    while abs(term) > Decimal("1e-75"):
        n += 2
        term = CONTEXT.multiply(-term, square)
        total = CONTEXT.add(total, CONTEXT.divide(term, Decimal(n)))
    found = Fraction(total) * 2 ** halvings / (2 * PI)
    return angle(found if value > 0 else -found, False)


def asin(quantity):
    value = quantity.number("asin")
    if abs(value) > 1:
        raise Refused("asin and acos need a number between -1 and 1")
    known = {Fraction(0): Fraction(0), Fraction(1, 2): Fraction(1, 12), Fraction(1): Fraction(1, 4)}
    if abs(value) in known:
        return angle(known[abs(value)] * (-1 if value < 0 else 1), quantity.exact)
    return atan(Quantity(value / root_of(1 - value ** 2, 2)[0], exact=False))


def acos(quantity):
    found = asin(quantity)
    return angle(Fraction(1, 4) - found.value, found.exact)


def factorial(quantity):
    n = quantity.integer("a factorial")
    if not 0 <= n <= MAX_FACTORIAL:
        raise Refused(f"factorials are known here for 0 to {MAX_FACTORIAL}")
    return Quantity(math.factorial(n))


def choose(n, k):
    n, k = n.integer("choose"), k.integer("choose")
    if n < 0 or k < 0:
        raise Refused("choose needs numbers that are not negative")
    fewer = min(k, n - k)
    if fewer > 0 and fewer * max(n.bit_length() - fewer.bit_length(), 1) > MAX_BITS:
        raise Refused("the number of choices would be too long a number (4000 digits at most)")
    return Quantity(math.comb(n, k))


def permutations(n, k):
    n, k = n.integer("permutations"), k.integer("permutations")
    if n < 0 or k < 0:
        raise Refused("permutations needs numbers that are not negative")
    if min(n, k) * n.bit_length() > 2 * MAX_BITS:
        raise Refused("the number of permutations would be too long a number (4000 digits at most)")
    return Quantity(math.perm(n, k))


def is_prime(quantity):
    n = quantity.integer("isprime")
    if n > MAX_PRIME:
        raise Refused("isprime is known here for numbers up to 10^24")
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    if n < 2 or any(n % prime == 0 for prime in bases):
        return n in bases
    odd, halves = n - 1, 0
    while odd % 2 == 0:
        odd, halves = odd // 2, halves + 1
    # These bases decide every number below 3.3 · 10^24.
    for base in bases:
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(halves - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def factors(quantity):
    n = quantity.integer("factor")
    if not 2 <= n <= MAX_FACTORED:
        raise Refused("factor takes whole numbers from 2 to 10^12")
    found, prime = [], 2
    while prime * prime <= n:
        count = 0
        while n % prime == 0:
            n, count = n // prime, count + 1
        if count:
            found.append(f"{prime}^{count}" if count > 1 else str(prime))
        prime += 1 if prime == 2 else 2
    if n > 1:
        found.append(str(n))
    return " × ".join(found)


def whole(how):
    def function(quantity, places=None):
        if quantity.point:
            raise Refused("give the temperature in K to round it")
        if quantity.dims != NONE:
            raise Refused("rounding needs a plain number; divide by the unit first, such as floor(x / 1 km)")
        places = places.integer("the number of places") if places else 0
        if abs(places) > 1000:
            raise Refused("at most 1000 places")
        step = Fraction(10) ** -places
        return Quantity(how(quantity.value / step) * step, exact=quantity.exact)
    return function


def half_up(value):
    """Halves go away from zero, as at school."""
    return int(abs(value) + Fraction(1, 2)) * (-1 if value < 0 else 1)


def total(*given):
    result = given[0]
    for one in given[1:]:
        result = result.add(one)
    return result


def mean(*given):
    first = given[0]
    for one in given[1:]:
        first.same(one, "mean needs all of a kind")
    # Of values, so that temperatures have a mean, too.
    average = sum(one.value for one in given) / len(given)
    return Quantity(average, first.dims, all(one.exact for one in given), first.label, first.point)


def ordered(given, what):
    for one in given[1:]:
        given[0].same(one, f"{what} can't compare")
    return sorted(given, key=lambda one: one.value)


def median(*given):
    by_size = ordered(given, "median")
    middle = len(given) // 2
    if len(given) % 2:
        return by_size[middle]
    return mean(*by_size[middle - 1:middle + 1])


def over_integers(how, name):
    def function(*given):
        result = given[0].integer(name)
        for one in given[1:]:
            result = how(result, one.integer(name))
            if result.bit_length() > MAX_BITS:
                raise Refused(f"the {name} would be too long a number (4000 digits at most)")
        return Quantity(abs(result))
    return function


def modulo(a, b):
    a.same(b, "mod needs two of a kind")
    if b.value == 0:
        raise Refused("this divides by zero")
    return Quantity(a.value % b.value, a.dims, a.exact and b.exact, a.label or b.label)


def floor_divide(a, b):
    a.same(b, "// needs two of a kind")
    if b.value == 0:
        raise Refused("this divides by zero")
    return Quantity(a.value // b.value, exact=a.exact and b.exact)


def lcm(a, b):
    return a * b // math.gcd(a, b) if a and b else 0


ANY = 100
# What each takes: fewest and most arguments.
FUNCTIONS = {
    "sqrt": (1, 1, root),
    "cbrt": (1, 1, lambda x: root(x, 3)),
    "root": (2, 2, lambda x, n: root(x, n.integer("the degree of a root"))),
    "pow": (2, 2, power),
    "abs": (1, 1, lambda x: x.like(abs(x.value))),
    "sign": (1, 1, lambda x: Quantity((x.value > 0) - (x.value < 0))),
    "floor": (1, 2, whole(math.floor)),
    "ceil": (1, 2, whole(math.ceil)),
    "trunc": (1, 2, whole(int)),
    "round": (1, 2, whole(half_up)),
    "min": (1, ANY, lambda *given: ordered(given, "min")[0]),
    "max": (1, ANY, lambda *given: ordered(given, "max")[-1]),
    "sum": (1, ANY, total),
    "mean": (1, ANY, mean),
    "avg": (1, ANY, mean),
    "average": (1, ANY, mean),
    "median": (1, ANY, median),
    "gcd": (1, ANY, over_integers(math.gcd, "gcd")),
    "lcm": (1, ANY, over_integers(lcm, "lcm")),
    "mod": (2, 2, modulo),
    "factorial": (1, 1, factorial),
    "choose": (2, 2, choose),
    "comb": (2, 2, choose),
    "ncr": (2, 2, choose),
    "perm": (2, 2, permutations),
    "npr": (2, 2, permutations),
    "exp": (1, 1, exp),
    "ln": (1, 1, ln),
    "log": (1, 2, log),
    "log10": (1, 1, log),
    "log2": (1, 1, lambda x: log(x, Quantity(2))),
    "sin": (1, 1, sin),
    "cos": (1, 1, cos),
    "tan": (1, 1, tan),
    "asin": (1, 1, asin),
    "acos": (1, 1, acos),
    "atan": (1, 1, atan),
    "isprime": (1, 1, is_prime),
    "factor": (1, 1, factors),
}
