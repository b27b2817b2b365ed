"""Reads spans of time, adds them, and measures them."""

import calendar
import re
from datetime import date, timedelta, timezone

from moments import Unreadable

# Longest words first, as the pattern tries them in this order.
WORDS = {
    "working": ("working days", "working day", "business days", "business day", "workdays", "영업일", "工作日", "營業日", "営業日"),
    "months": ("months", "month", "개월", "달", "個月", "个月", "ヶ月", "か月", "mo"),
    "years": ("years", "year", "yrs", "yr", "년", "年", "y"),
    "weeks": ("weeks", "week", "주일", "주", "週間", "週", "周", "星期", "w"),
    "hours": ("hours", "hour", "hrs", "hr", "시간", "小時", "小时", "時間", "h"),
    "minutes": ("minutes", "minute", "mins", "min", "分鐘", "分钟", "분", "分", "m"),
    "seconds": ("seconds", "second", "secs", "sec", "초", "秒", "s"),
    "days": ("days", "day", "일", "天", "日", "d"),
}
PART = re.compile(r"([+-]?)\s*(\d{1,7})\s*(" + "|".join(word for words in WORDS.values() for word in words) + r")(?![a-z])\s*(?:,|and)?\s*", re.I)
ISO = re.compile(r"([+-]?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.I)
AGO = re.compile(r"\s*(ago|before|earlier|전|前)$", re.I)
MOST_WORKING_DAYS = 100_000


def read(text):
    """A duration as a dictionary of `years` … `seconds` and `working` days."""
    import unicodedata

    text = unicodedata.normalize("NFKC", text).strip().replace("−", "-")
    found = ISO.fullmatch(text)
    if found and any(found.groups()[1:]):
        sign = -1 if found[1] == "-" else 1
        names = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
        return {name: sign * int(part) for name, part in zip(names, found.groups()[1:]) if part}
    direction = 1
    if AGO.search(text):
        text, direction = AGO.sub("", text), -1
    parts, at, sign = {}, 0, 1
    while at < len(text):
        found = PART.match(text, at)
        if not found:
            raise Unreadable(f"`{text}` is no duration; write `3 days 4 hours`, `-2 weeks`, `10 working days` or P1M2D")
        # A sign counts until another one comes: -1 month 2 days is both backwards.
        sign = {"+": 1, "-": -1, "": sign}[found[1]]
        name = next(name for name, words in WORDS.items() if found[3].lower() in words)
        parts[name] = parts.get(name, 0) + sign * direction * int(found[2])
        at = found.end()
    if not parts:
        raise Unreadable("the duration is empty")
    return parts


def add(moment, parts, notes):
    """Moves a moment: years to days by the calendar, hours to seconds by the clock on the wall of physics."""
    months = parts.get("years", 0) * 12 + parts.get("months", 0)
    day = add_months(moment.day, months)
    if day.day != moment.day.day:
        notes.append(f"that month ends on the {day.day}th")
    day += timedelta(days=parts.get("days", 0) + 7 * parts.get("weeks", 0))
    if parts.get("working"):
        day = add_working(day, parts["working"])
        notes.append("working days are Mondays to Fridays; holidays are not known here")
    moment.day = day
    exact = timedelta(hours=parts.get("hours", 0), minutes=parts.get("minutes", 0), seconds=parts.get("seconds", 0))
    return (moment.at().astimezone(timezone.utc) + exact).astimezone(moment.zone)


def add_months(day, months):
    place = day.year * 12 + day.month - 1 + months
    year, month = divmod(place, 12)
    if not 1 <= year <= 9999:
        raise Unreadable("that is before the year 1 or after the year 9999")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_working(day, count):
    if abs(count) > MOST_WORKING_DAYS:
        raise Unreadable(f"at most {MOST_WORKING_DAYS} working days")
    step = timedelta(days=1 if count > 0 else -1)
    while count:
        day += step
        if day.weekday() < 5:
            count -= 1 if count > 0 else -1
    return day


def working_days(start, end):
    """Mondays to Fridays after `start`, up to and with `end`."""
    if end < start:
        return -working_days(end, start)
    weeks, rest = divmod((end - start).days, 7)
    return weeks * 5 + sum((start.weekday() + ahead) % 7 < 5 for ahead in range(1, rest + 1))


def calendar_parts(start, end):
    """Years, months and days from one day to a later one."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return months // 12, months % 12, (end - add_months(start, months)).days
