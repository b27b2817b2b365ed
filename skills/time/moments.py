"""Reads dates, times and durations as people write them."""

import re
from datetime import date, datetime, time, timedelta, timezone

import lunar
import zones

ERAS = (("令和", "R", date(2019, 5, 1)), ("平成", "H", date(1989, 1, 8)), ("昭和", "S", date(1926, 12, 25)),
        ("大正", "T", date(1912, 7, 30)), ("明治", "M", date(1868, 1, 25)))
# Japan counts days as we do since then.
GREGORIAN_JAPAN = date(1873, 1, 1)
ROC_YEAR, DANGI_YEARS = 1911, 2333

RELATIVE = {
    "today": 0, "오늘": 0, "今天": 0, "今日": 0, "本日": 0, "tomorrow": 1, "내일": 1, "明天": 1, "明日": 1, "yesterday": -1,
    "어제": -1, "昨天": -1, "昨日": -1, "day after tomorrow": 2, "모레": 2, "後天": 2, "后天": 2, "明後日": 2,
    "day before yesterday": -2, "그저께": -2, "그제": -2, "前天": -2, "一昨日": -2,
}
NOW = ("now", "지금", "현재", "現在", "现在", "今")
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMERALS = {"〇": 0, "零": 0, "元": 1, "正": 1, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "冬": 11,
            "臘": 12, "腊": 12}

N = r"(\d{1,4}|[〇零元正一二三四五六七八九十廿卅冬臘腊]{1,4})"
MONTH_NAME = "(" + "|".join(f"{month[:3]}(?:{month[3:]})?" for month in MONTHS) + r"|sept)\.?"
PARTS = rf"{N}\s*[-年년./]\s*(閏|闰|윤|leap )?\s*{N}\s*[-月월./]\s*(?:初)?{N}\s*[日일號号]?"
LUNAR = re.compile(rf"(農曆|农历|陰曆|阴历|舊曆|旧历|旧暦|음력|lunar|dangi|단기)\s*{PARTS}", re.I)
LUNAR_SHORT = re.compile(rf"(農曆|农历|陰曆|阴历|舊曆|旧历|旧暦|음력|lunar|dangi)\s*(閏|闰|윤|leap )?\s*{N}\s*[-月월./]\s*(?:初)?{N}\s*[日일號号]?", re.I)
ERA = re.compile(rf"(令和|平成|昭和|大正|明治|[RHSTM](?=\d))\s*{PARTS}")
ROC = re.compile(rf"(民國|民国|中華民國|中华民国|ROC)\s*{PARTS}", re.I)
ANY = re.compile(PARTS, re.I)
ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)|(\d{4})(\d{2})(\d{2})(?=T|\s|$)|(\d{4})\s*[年년./]\s*(\d{1,2})\s*[月월./]\s*(\d{1,2})\s*[日일号號.]?")
WEEK = re.compile(r"(\d{4})-?W(\d{2})(?:-?([1-7]))?")
SHORT = re.compile(r"(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일号號]?")
ENGLISH = re.compile(rf"(?:(?:{'|'.join(day[:3] + '[a-z]*' for day in WEEKDAYS)}),?\s+)?(?:{MONTH_NAME}\s+(\d{{1,2}})(?:st|nd|rd|th)?|(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{MONTH_NAME})(?:,?\s+(\d{{4}}))?", re.I)
NEXT = re.compile(rf"(?:next|coming)?\s*({'|'.join(WEEKDAYS)})", re.I)
SLASHES = re.compile(r"\d{1,2}[/.]\d{1,2}[/.]\d{4}")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap])?\.?(?:m\b\.?)?|(\d{1,2})\s*([ap])\.?m\b\.?", re.I)
BARE_CLOCK = re.compile(r"T(\d{2})(\d{2})(\d{2})?")
CJK_CLOCK = re.compile(r"(오전|오후|上午|下午|午前|午後|早上|晚上|中午|아침|저녁|밤)?\s*(\d{1,2})\s*(?:시|時|时|點|点)\s*(?:(\d{1,2})\s*[분分]|(반|半))?")
WORD_CLOCK = {"noon": time(12), "midday": time(12), "정오": time(12), "正午": time(12), "midnight": time(0), "자정": time(0)}


class Unreadable(Exception):
    """A text that is no date, time or duration, in words for whoever wrote it."""


class Moment:
    """A day, maybe with a time of day, in a zone. `exact` is set when the text said the offset or counted seconds."""

    def __init__(self, day, clock=None, zone=None, zone_name=None):
        self.day, self.clock, self.zone, self.zone_name = day, clock, zone, zone_name
        self.notes = []

    def at(self):
        """The instant; without a time of day, the day's beginning."""
        wall = datetime.combine(self.day, self.clock or time())
        first, second = (wall.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            back = first.astimezone(timezone.utc).astimezone(self.zone)
            if back.replace(tzinfo=None) == wall:
                self.notes.append(f"{wall.isoformat(' ', 'minutes')} comes twice in {self.zone_name}, as clocks are set back; the first is taken")
            else:
                self.notes.append(f"{wall.isoformat(' ', 'minutes')} does not come in {self.zone_name}, as clocks are set forward; {back.strftime('%H:%M')} is taken")
                return back
        return first


def numeral(text):
    """A number in digits or in Chinese numerals up to 99."""
    if text.isdigit():
        return int(text)
    text = text.replace("廿", "二十").replace("卅", "三十")
    if text in NUMERALS:
        return NUMERALS[text]
    tens, ten, ones = text.partition("十")
    if ten and all(part == "" or part in NUMERALS for part in (tens, ones)):
        return (NUMERALS[tens] if tens else 1) * 10 + (NUMERALS[ones] if ones else 0)
    if all(one in NUMERALS for one in text):
        return int("".join(str(NUMERALS[one]) for one in text))
    raise Unreadable(f"`{text}` is no number")


def gregorian(year, month, day):
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(f"there is no {year:04}-{month:02}-{day:02}") from None


def lunar_day(year, month, day, is_leap, table):
    try:
        return lunar.to_gregorian(year, month, day, is_leap, table)
    except lunar.OutOfRange as error:
        raise Unreadable(str(error)) from None


def _next_lunar(today, month, day, is_leap, table):
    """The next day of that name, today counted in."""
    problem = None
    for year in range(today.year - 1, today.year + 20):
        try:
            found = lunar.to_gregorian(year, month, day, is_leap, table)
        except lunar.OutOfRange as error:
            problem = problem or error
        else:
            if found >= today:
                return found
    raise Unreadable(str(problem))


def era_day(era, year, month, day):
    name, _, begin = next(one for one in ERAS if era in one[:2])
    found = gregorian(begin.year + year - 1, month, day)
    later = [one for one in ERAS if one[2] > begin]
    end = later[-1][2] if later else date.max
    if not begin <= found < end:
        raise Unreadable(f"{name}{year}年{month}月{day}日 is not in {name}, which is {begin} to {end if later else 'today'}")
    if found < GREGORIAN_JAPAN:
        raise Unreadable("Japanese dates before 1873 were lunar; they are not known here")
    return found


def read(text, zone, zone_name, now, calendar=None, is_leap=False):
    """A moment. `now` is an instant; the zone counts when the text names none."""
    import unicodedata

    text = unicodedata.normalize("NFKC", text).strip()
    if not text:
        raise Unreadable("the time is empty")
    here = now.astimezone(zone)
    if text.lower() in NOW:
        return _instant(here, zone, zone_name)
    unix = re.fullmatch(r"@(-?\d{1,12})|(\d{10})|(\d{13})", text)
    if unix:
        seconds = int(unix[1] or unix[2] or 0) if not unix[3] else int(unix[3]) / 1000
        return _instant(datetime.fromtimestamp(seconds, timezone.utc).astimezone(zone), zone, zone_name)
    day, rest = _day(text, here.date(), calendar, is_leap)
    clock, rest = _clock(rest.strip(" ,"), needed=day is None, whole=text)
    rest = rest.strip(" ,()")
    if rest:
        try:
            zone, zone_name = zones.find(rest)
        except zones.UnknownZone:
            raise Unreadable(f"`{rest}` in `{text}` can't be read") from None
        here = now.astimezone(zone)
    return Moment(here.date() if day is None else day, clock, zone, zone_name)


def _instant(when, zone, zone_name):
    moment = Moment(when.date(), when.time().replace(microsecond=0), zone, zone_name)
    moment.at = lambda: when.replace(microsecond=0)
    return moment


def _day(text, today, calendar, is_leap):
    """The day that a text begins with, or `None`, and what stands behind it."""
    lower = text.lower()
    for word in sorted(RELATIVE, key=len, reverse=True):
        if lower.startswith(word):
            return today + timedelta(days=RELATIVE[word]), text[len(word):]
    found = LUNAR.match(text)
    if found:
        korean = found[1].lower() in ("음력", "dangi", "단기") or calendar == "dangi"
        year = numeral(found[2]) - (DANGI_YEARS if found[1] == "단기" else 0)
        table = lunar.KOREA if korean else lunar.CHINA
        return lunar_day(year, numeral(found[4]), numeral(found[5]), bool(found[3]) or is_leap, table), text[found.end():]
    found = LUNAR_SHORT.match(text)
    if found:
        table = lunar.KOREA if found[1].lower() in ("음력", "dangi") else lunar.CHINA
        return _next_lunar(today, numeral(found[3]), numeral(found[4]), bool(found[2]) or is_leap, table), text[found.end():]
    found = ROC.match(text)
    if found:
        return gregorian(numeral(found[2]) + ROC_YEAR, numeral(found[4]), numeral(found[5])), text[found.end():]
    found = ERA.match(text)
    if found:
        return era_day(found[1], numeral(found[2]), numeral(found[4]), numeral(found[5])), text[found.end():]
    if calendar in ("lunar", "dangi", "roc"):
        found = ANY.match(text)
        if not found:
            raise Unreadable(f"`{text}` is no date of the calendar {calendar}; write YEAR-MONTH-DAY")
        year, month, day = numeral(found[1]), numeral(found[3]), numeral(found[4])
        if calendar == "roc":
            return gregorian(year + ROC_YEAR, month, day), text[found.end():]
        table = lunar.KOREA if calendar == "dangi" else lunar.CHINA
        return lunar_day(year, month, day, bool(found[2]) or is_leap, table), text[found.end():]
    if calendar == "japanese":
        raise Unreadable(f"`{text}` names no Japanese era; write 令和8年3月1日 or R8-3-1")
    return _western_day(text, today)


def _western_day(text, today):
    found = ISO.match(text)
    if found:
        year, month, day = (int(part) for part in found.groups() if part)
        rest = text[found.end():]
        # 20260301T150000 keeps its T for the clock.
        return gregorian(year, month, day), rest if BARE_CLOCK.match(rest) else rest.lstrip("Tt")
    found = WEEK.match(text)
    if found:
        try:
            return date.fromisocalendar(int(found[1]), int(found[2]), int(found[3] or 1)), text[found.end():]
        except ValueError:
            raise Unreadable(f"there is no week {found.group()}") from None
    found = SHORT.match(text)
    if found:
        return gregorian(today.year, int(found[1]), int(found[2])), text[found.end():]
    found = ENGLISH.match(text)
    if found:
        name, day = (found[1], found[2]) if found[1] else (found[4], found[3])
        month = next(index for index, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))
        return gregorian(int(found[5] or today.year), month, int(day)), text[found.end():]
    found = NEXT.match(text)
    if found:
        ahead = (WEEKDAYS.index(found[1].lower()) - today.weekday() - 1) % 7 + 1
        return today + timedelta(days=ahead), text[found.end():]
    if SLASHES.match(text):
        raise Unreadable(f"`{text}` is read differently in different places; write YEAR-MONTH-DAY")
    return None, text


def _clock(text, needed, whole):
    for word, clock in WORD_CLOCK.items():
        if text.lower().startswith(word):
            return clock, text[len(word):]
    found = CLOCK.match(text)
    if found:
        hour, minute, second = int(found[1] or found[5]), int(found[2] or 0), int(found[3] or 0)
        half = (found[4] or found[6] or "").lower()
    else:
        found = BARE_CLOCK.match(text)
        if found:
            hour, minute, second, half = int(found[1]), int(found[2]), int(found[3] or 0), ""
        else:
            found = CJK_CLOCK.match(text)
            if not found:
                if needed:
                    raise Unreadable(f"`{whole}` is no date or time known here; write 2026-03-01 or 2026-03-01 15:00")
                return None, text
            hour, minute, second = int(found[2]), 30 if found[4] else int(found[3] or 0), 0
            half = {"오전": "a", "上午": "a", "午前": "a", "早上": "a", "아침": "a"}.get(found[1], "p" if found[1] else "")
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, minute, second), text[found.end():]
    except ValueError:
        raise Unreadable(f"there is no time {hour}:{minute:02}") from None
