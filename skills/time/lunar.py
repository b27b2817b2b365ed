"""The lunisolar calendars of China and Korea, from 1900 to 2100.

A year is 17 bits in hexadecimal: above, the month that is followed by its leap month (0: none); below, a bit for each month
in order, the lowest the first, set when it has 30 days. Worked out from new moons and solar terms at the time each country kept
(China: Beijing mean time before 1929, UTC+8 since; Korea: UTC+8:30 or UTC+9), and as the almanacs had it before 1912.
"""

from datetime import date, timedelta

FIRST_YEAR, LAST_YEAR = 1900, 2100
# First day of both tables.
BEGIN = date(1900, 1, 31)

CHINA = """
116d2 00752 00ea5 0b64a 0064b 00a9b 09556 0056a 00b59 05752
00752 0db25 00b25 00a4b 0b4ab 002ad 0056b 04b69 00da9 0fd92
00e92 00d25 0ba4d 00a56 002b6 095b5 006d4 00ea9 05e92 00e92
0cd26 0052b 00a57 0b2b6 00b5a 006d4 06ec9 00749 0f693 00a93
0052b 0ca5b 00aad 0056a 09b55 00ba4 00b49 05a93 00a95 0f52d
00536 00aad 0b5aa 005b2 00da5 07d4a 00d4a 10a95 00a97 00556
0cab5 00ad5 006d2 08ea5 00ea5 0064a 06c97 00a9b 0f55a 0056a
00b69 0b752 00b52 00b25 0964b 00a4b 114ab 002ad 0056d 0cb69
00da9 00d92 09d25 00d25 15a4d 00a56 002b6 0c5b5 006d5 00ea9
0be92 00e92 00d26 06a56 00a57 114d6 0035a 006d5 0b6c9 00749
00693 0952b 0052b 00a5b 0555a 0056a 0fb55 00ba4 00b49 0ba93
00a95 0052d 08aad 00ab5 135aa 005d2 00da5 0dd4a 00d4a 00c95
0952e 00556 00ab5 055b2 006d2 0cea5 00725 0064b 0ac97 00cab
0055a 06ad6 00b69 17752 00b52 00b25 0da4b 00a4b 004ab 0a55b
005ad 00b6a 05b52 00d92 0fd25 00d25 00a55 0b4ad 004b6 005b5
06daa 00ec9 11e92 00e92 00d26 0ca56 00a57 00556 086d5 00755
00749 06e93 00693 0f52b 0052b 00a5b 0b55a 0056a 00b65 0974a
00b4a 11a95 00a95 0052d 0caad 00ab5 005aa 08ba5 00da5 00d4a
07c95 00c96 0f94e 00556 00ab5 0b5b2 006d2 00ea5 08e4a 0068b
10c97 004ab 0055b 0cad6 00b6a 00752 09725 00b45 00a8b 0549b
004ab
"""

KOREA = """
116d2 00752 00ea5 0b64a 0064b 00a9b 09556 0056a 00b59 05752
00752 0db25 00b25 00a4b 0b29b 00aad 0056a 04b69 00ba9 0fb52
00d92 00d25 0ba4d 00956 002b5 095ad 006d4 00da9 05d92 00e92
0cd26 00527 00a57 0b2b6 00ada 006d4 06ea9 00749 0f693 00a93
0052b 0ca5b 0096d 00b6a 09b54 00ba4 00b49 05a93 00a95 0f52b
0052d 00aad 0b56a 00db2 00da4 07d49 00d4a 11a95 00a96 00556
0cab5 00ad5 006d2 08ea5 00ea5 00e4a 06c96 00a9b 0f556 0056a
00b59 0b752 00752 00725 0964b 00a4b 112ab 002ad 0056b 0cb69
00da9 00d92 09b25 00d25 15a4d 00a56 002b6 0d5ad 006d4 00da9
0bd92 00e92 00d26 06a56 00a57 112b6 00b5a 006d4 0aec9 00749
00693 09527 0052b 00a5b 0555a 0036a 0fb55 00ba4 00b49 0ba93
00a95 0052d 06a5d 00aad 135aa 005d2 00da5 0bd4a 00d4a 00a95
0952d 00556 00ab5 055aa 006d2 0cea5 00ea5 00e4a 0ac96 00c9b
0055a 06ad5 00b69 17752 00752 00b25 0d64b 00a4b 004ab 0a55b
0056d 00b69 05b52 00d92 0fd25 00d25 00a4d 0b4ad 002b6 005b5
06da9 00ea9 11d92 00e92 00d26 0ca56 00a57 004d6 086b5 006d5
00ec9 06e92 00693 0f52b 0052b 00a5b 0b55a 0056a 00b55 09749
00b49 11a93 00a95 0052d 0caad 00ab5 005aa 08ba5 00da5 00d4a
07a95 00c95 0f52e 00556 00ab5 0b5b2 006d2 00ea5 09e4a 0064a
10c97 00cab 0055a 0cad5 00b69 00752 096a5 00b25 0064b 07497
004ab
"""

STEMS, BRANCHES = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥"
KOREAN_STEMS, KOREAN_BRANCHES = "갑을병정무기경신임계", "자축인묘진사오미신유술해"
ANIMALS = ("Rat", "Ox", "Tiger", "Rabbit", "Dragon", "Snake", "Horse", "Goat", "Monkey", "Rooster", "Dog", "Pig")


class OutOfRange(Exception):
    """A date that the tables don't have."""


def _months(table):
    """Every month as (first day, year, month, is leap, days)."""
    begin = BEGIN
    for offset, code in enumerate(table.split()):
        bits = int(code, 16)
        leap = bits >> 13
        number = 0
        for index in range(13 if leap else 12):
            is_leap = bool(leap) and index == leap
            number += not is_leap
            days = 29 + (bits >> index & 1)
            yield begin, FIRST_YEAR + offset, number, is_leap, days
            begin += timedelta(days=days)


def from_gregorian(day, table=CHINA):
    """Year, month, whether it is a leap month, and day of the month."""
    if day >= BEGIN:
        for begin, year, month, is_leap, days in _months(table):
            if day < begin + timedelta(days=days):
                return year, month, is_leap, (day - begin).days + 1
    raise OutOfRange(f"the lunar calendar is known here from {BEGIN} to 2101-01-28")


def to_gregorian(year, month, day, is_leap=False, table=CHINA):
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise OutOfRange(f"lunar years are known here from {FIRST_YEAR} to {LAST_YEAR}, not {year}")
    for begin, its_year, its_month, its_leap, days in _months(table):
        if (its_year, its_month, its_leap) == (year, month, is_leap):
            if not 1 <= day <= days:
                raise OutOfRange(f"{'leap ' if is_leap else ''}month {month} of the lunar year {year} has {days} days, not {day}")
            return begin + timedelta(days=day - 1)
    leaps = [its_month for _, its_year, its_month, its_leap, _ in _months(table) if its_year == year and its_leap]
    has = f"its leap month is {leaps[0]}" if leaps else "it has no leap month"
    if is_leap:
        raise OutOfRange(f"the lunar year {year} has no leap month {month}; {has}")
    raise OutOfRange(f"there is no lunar month {month}")


def year_name(year):
    """The stem and branch of a lunar year, and its animal."""
    place = (year - 4) % 60
    return STEMS[place % 10] + BRANCHES[place % 12], ANIMALS[place % 12]


def korean_year_name(year):
    place = (year - 4) % 60
    return KOREAN_STEMS[place % 10] + KOREAN_BRANCHES[place % 12]


def day_name(day):
    """The stem and branch of a day."""
    # 1900-01-31 was 甲辰, the 41st of the cycle.
    place = ((day - BEGIN).days + 40) % 60
    return STEMS[place % 10] + BRANCHES[place % 12]
