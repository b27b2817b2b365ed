#!/usr/bin/env python3
"""Time zones and calendars: one JSON object on stdin, one on stdout."""

import json
import sys
from datetime import datetime, timezone

ACTIONS = ("now", "convert", "difference", "add", "calendar")
CALENDARS = ("gregorian", "roc", "japanese", "lunar", "dangi")
MOST_ZONES = 30
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LOCAL_WEEKDAYS = (("一", "월", "月"), ("二", "화", "火"), ("三", "수", "水"), ("四", "목", "木"), ("五", "금", "金"), ("六", "토", "土"), ("日", "일", "日"))
DIGITS = "〇一二三四五六七八九十"


class Refused(Exception):
    """What can't be answered, in words for whoever asked."""


def offset_text(offset):
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def instant(when, name):
    """An instant as fields of the answer."""
    return {
        "time": when.isoformat(timespec="seconds"),
        "zone": name,
        "weekday": WEEKDAYS[when.weekday()],
        "utc_offset": offset_text(when.utcoffset()),
        "abbreviation": when.tzname(),
        "is_dst": bool(when.dst()),
    }


def calendars(day):
    """A day in every calendar."""
    import lunar
    import moments

    iso = day.isocalendar()
    end = day.replace(month=12, day=31)
    zh, ko, ja = LOCAL_WEEKDAYS[day.weekday()]
    answer = {
        "date": day.isoformat(),
        "weekday": WEEKDAYS[day.weekday()],
        "weekday_names": {"zh": f"星期{zh}", "ko": f"{ko}요일", "ja": f"{ja}曜日"},
        "iso_week": f"{iso[0]:04}-W{iso[1]:02}-{iso[2]}",
        "day_of_year": day.timetuple().tm_yday,
        "days_left_in_year": (end - day).days,
        "is_leap_year": end.timetuple().tm_yday == 366,
        "quarter": (day.month + 2) // 3,
        "dangi_year": day.year + moments.DANGI_YEARS,
    }
    if day.year > moments.ROC_YEAR:
        year = day.year - moments.ROC_YEAR
        answer["roc"] = {"year": year, "text": f"民國{year}年{day.month}月{day.day}日"}
    if day >= moments.GREGORIAN_JAPAN:
        name, _, begin = next(era for era in moments.ERAS if day >= era[2])
        year = day.year - begin.year + 1
        answer["japanese"] = {"era": name, "year": year, "text": f"{name}{'元' if year == 1 else year}年{day.month}月{day.day}日"}
    try:
        year, month, is_leap, number = lunar.from_gregorian(day)
        name, animal = lunar.year_name(year)
        answer["lunar"] = {
            "year": year, "month": month, "is_leap_month": is_leap, "day": number, "year_name": name, "animal": animal,
            "day_name": lunar.day_name(day),
            "text": f"農曆{name}年{'閏' if is_leap else ''}{lunar_month(month)}月{lunar_day(number)}",
        }
        year, month, is_leap, number = lunar.from_gregorian(day, lunar.KOREA)
        answer["dangi"] = {
            "year": year, "month": month, "is_leap_month": is_leap, "day": number, "year_name": lunar.korean_year_name(year),
            "text": f"음력 {year}년 {'윤' if is_leap else ''}{month}월 {number}일",
        }
    except lunar.OutOfRange as error:
        answer["notes"] = [str(error)]
    return answer


def lunar_month(month):
    return "正" if month == 1 else DIGITS[month] if month <= 10 else "十" + DIGITS[month - 10]


def lunar_day(day):
    if day <= 10:
        return "初" + DIGITS[day]
    if day % 10 == 0:
        return DIGITS[day // 10] + "十"
    return ("十" if day < 20 else "廿") + DIGITS[day % 10]


def span(start, end):
    """From one moment to another."""
    import durations

    first, last = start.at(), end.at()
    # Python subtracts clocks on the wall when both hang in one zone.
    seconds = round((last.astimezone(timezone.utc) - first.astimezone(timezone.utc)).total_seconds())
    answer = {"start": instant(first, start.zone_name), "end": instant(last, end.zone_name)}
    days = (end.day - start.day).days
    early, late = sorted((start.day, end.day))
    years, months, rest = durations.calendar_parts(early, late)
    answer["days"] = days
    answer["text"] = f"{days} days" if abs(days) != 1 else f"{days} day"
    answer["weeks_and_days"] = {"weeks": abs(days) // 7, "days": abs(days) % 7}
    answer["years_months_days"] = {"years": years, "months": months, "days": rest}
    answer["working_days"] = durations.working_days(start.day, end.day)
    if start.clock or end.clock:
        minutes, second = divmod(abs(seconds), 60)
        hours, minute = divmod(minutes, 60)
        day, hour = divmod(hours, 24)
        answer["total_seconds"] = seconds
        answer["elapsed"] = {"days": day, "hours": hour, "minutes": minute, "seconds": second}
        answer["text"] = ("-" if seconds < 0 else "") + f"{day} days {hour} hours {minute} minutes {second} seconds"
    answer["is_past"] = seconds < 0
    return answer


def run(arguments, now=None):
    import durations
    import moments
    import zones

    now = now or datetime.now(timezone.utc)
    action = arguments.get("action", "now")
    if action not in ACTIONS:
        raise Refused(f"`action` must be one of {', '.join(ACTIONS)}")
    for name in ("time", "zone", "start", "end", "duration", "calendar"):
        if arguments.get(name) is not None and not isinstance(arguments[name], str):
            raise Refused(f"`{name}` must be a text")
    calendar = arguments.get("calendar") or None
    if calendar not in (None, *CALENDARS):
        raise Refused(f"`calendar` must be one of {', '.join(CALENDARS)}")
    targets = arguments.get("to") or []
    targets = [targets] if isinstance(targets, str) else targets
    if not isinstance(targets, list) or len(targets) > MOST_ZONES or not all(isinstance(one, str) for one in targets):
        raise Refused(f"`to` must be a list of at most {MOST_ZONES} zones")
    notes = []
    try:
        zone, zone_name = zones.find(arguments.get("zone") or "UTC")
        said = "now" if action == "now" else arguments.get("time") or "now"

        def read(text):
            return moments.read(text, zone, zone_name, now, calendar, bool(arguments.get("leap_month")))

        if action in ("now", "convert"):
            if action == "convert" and not targets:
                raise Refused("`convert` needs `to`: the zones to convert to")
            moment = read(said)
            when = moment.at()
            notes += moment.notes
            answer = instant(when, moment.zone_name)
            answer["unix"] = int(when.timestamp())
            if targets:
                answer["in"] = [elsewhere(when, *zones.find(target)) for target in targets]
        elif action == "calendar":
            answer = calendars(read(said).day)
        elif action == "add":
            if not arguments.get("duration"):
                raise Refused("`add` needs `duration`, such as `3 days` or `-2 weeks`")
            moment = read(said)
            parts = durations.read(arguments["duration"])
            answer = instant(durations.add(moment, parts, notes), moment.zone_name)
            notes += moment.notes
            answer["date"] = answer["time"][:10]
        else:
            if not arguments.get("end"):
                raise Refused("`difference` needs `end`; without `start` it counts from today")
            end = read(arguments["end"])
            start = read(arguments.get("start") or ("now" if end.clock else "today"))
            answer = span(start, end)
            notes += start.notes + end.notes
    except (moments.Unreadable, zones.UnknownZone) as error:
        raise Refused(str(error)) from None
    except (OverflowError, ValueError, OSError):
        raise Refused("that is before the year 1 or after the year 9999") from None
    if not arguments.get("zone") and action != "calendar" and "zone" in answer and answer["zone"] == "UTC":
        notes.append("no `zone` was given, so UTC was taken")
    if notes:
        answer["notes"] = answer.get("notes", []) + notes
    return answer


def elsewhere(when, zone, name):
    there = when.astimezone(zone)
    answer = instant(there, name)
    shift = (there.date() - when.date()).days
    if shift:
        answer["day"] = "next day" if shift > 0 else "previous day"
    gap = there.utcoffset() - when.utcoffset()
    answer["difference"] = offset_text(gap) if gap else "same time"
    return answer


def main():
    given = sys.stdin.buffer.read()
    try:
        arguments = json.loads(given)
        if not isinstance(arguments, dict):
            raise ValueError("not an object")
    except ValueError as error:
        return fail(f"the arguments are no JSON object: {error}")
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
