import unittest
from datetime import date, datetime, timedelta, timezone

import skill

TIME = skill.module("time")
# A Wednesday; in Seoul it is Thursday already.
NOW = datetime(2026, 3, 4, 16, 30, 5, tzinfo=timezone.utc)


def ask(now=NOW, **arguments):
    return TIME.run(arguments, now=now)


def day(text, **more):
    return ask(action="calendar", time=text, **more)["date"]


class Zones(unittest.TestCase):
    def test_now(self):
        answer = ask(zone="서울", to=["New York", "台北"])
        self.assertEqual(answer["time"], "2026-03-05T01:30:05+09:00")
        self.assertEqual((answer["zone"], answer["weekday"], answer["abbreviation"]), ("Asia/Seoul", "Thursday", "KST"))
        self.assertEqual(answer["unix"], int(NOW.timestamp()))
        new_york, taipei = answer["in"]
        self.assertEqual((new_york["time"], new_york["day"], new_york["difference"]), ("2026-03-04T11:30:05-05:00", "previous day", "-14:00"))
        self.assertEqual((taipei["time"], taipei["zone"], taipei["difference"]), ("2026-03-05T00:30:05+08:00", "Asia/Taipei", "-01:00"))

    def test_without_a_zone_it_is_utc_and_says_so(self):
        answer = ask()
        self.assertEqual(answer["time"], "2026-03-04T16:30:05+00:00")
        self.assertIn("UTC was taken", answer["notes"][0])
        self.assertNotIn("notes", ask(zone="Tokyo"))

    def test_words_for_zones(self):
        import zones

        for word, name in [
            ("Asia/Seoul", "Asia/Seoul"), ("asia/seoul", "Asia/Seoul"), ("Seoul", "Asia/Seoul"), ("東京", "Asia/Tokyo"),
            ("도쿄", "Asia/Tokyo"), ("北京", "Asia/Shanghai"), ("San Francisco", "America/Los_Angeles"), ("台灣", "Asia/Taipei"),
            ("EST", "America/New_York"), ("JST", "Asia/Tokyo"), ("Reykjavik", "Atlantic/Reykjavik"), ("utc", "UTC"), ("+09:00", "UTC+09:00"),
            ("UTC-3:30", "UTC-03:30"), ("GMT+8", "UTC+08:00"), ("+0", "UTC"), ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ]:
            with self.subTest(word):
                self.assertEqual(zones.find(word)[1], name)
        for word, said in [("CST", "Chicago"), ("us", "several"), ("Atlantis", "no time zone"), ("../../etc/passwd", "no time zone"), ("+15:00", "further")]:
            with self.subTest(word), self.assertRaisesRegex(TIME.Refused, said):
                ask(zone=word)

    def test_every_alias_has_its_zone(self):
        import zones

        for line in zones.ALIASES.strip().splitlines():
            self.assertEqual(zones.find(line.split(": ")[0])[1], line.split(": ")[0])
        words = [word for line in zones.ALIASES.strip().splitlines() for word in line.split(": ")[1].split()]
        self.assertEqual(sorted(word for word in set(words) if words.count(word) > 1), [])

    def test_conversion(self):
        for text, zone, to, time in [
            ("2026-03-01 15:00", "Seoul", "London", "2026-03-01T06:00:00+00:00"),
            ("2026-07-01 15:00", "Seoul", "London", "2026-07-01T07:00:00+01:00"),
            ("2026-03-01 3:30 pm KST", None, "Kolkata", "2026-03-01T12:00:00+05:30"),
            ("2026-03-01T15:00:00+09:00", None, "UTC", "2026-03-01T06:00:00+00:00"),
            ("2026-03-01T06:00:00Z", None, "Tokyo", "2026-03-01T15:00:00+09:00"),
            ("20260301T150000", "Tokyo", "UTC", "2026-03-01T06:00:00+00:00"),
            ("오후 3시 30분", "Seoul", "UTC", "2026-03-05T06:30:00+00:00"),
            ("明天下午三點", "Taipei", "UTC", None),
            ("明天下午3點半", "Taipei", "UTC", "2026-03-06T07:30:00+00:00"),
            ("내일 오전 9시", "Seoul", "New York", "2026-03-05T19:00:00-05:00"),
            ("tomorrow noon", "Seoul", "UTC", "2026-03-06T03:00:00+00:00"),
            ("March 1, 2026 12am", "Seoul", "UTC", "2026-02-28T15:00:00+00:00"),
            ("1 Mar 2026 12 pm", "UTC", "UTC", "2026-03-01T12:00:00+00:00"),
            ("@1700000000", None, "UTC", "2023-11-14T22:13:20+00:00"),
            ("1700000000000", None, "UTC", "2023-11-14T22:13:20+00:00"),
            ("２０２６年３月１日　１５：００", "Tokyo", "UTC", "2026-03-01T06:00:00+00:00"),
        ]:
            with self.subTest(text):
                if time is None:
                    with self.assertRaises(TIME.Refused):
                        ask(action="convert", time=text, zone=zone, to=to)
                else:
                    self.assertEqual(ask(action="convert", time=text, zone=zone, to=to)["in"][0]["time"], time)

    def test_clocks_that_are_set(self):
        gap = ask(action="convert", time="2026-03-08 02:30", zone="New York", to="UTC")
        self.assertEqual(gap["time"], "2026-03-08T03:30:00-04:00")
        self.assertIn("does not come", gap["notes"][0])
        twice = ask(action="convert", time="2026-11-01 01:30", zone="New York", to="UTC")
        self.assertEqual(twice["in"][0]["time"], "2026-11-01T05:30:00+00:00")
        self.assertIn("comes twice", twice["notes"][0])


class Dates(unittest.TestCase):
    def test_days_as_people_write_them(self):
        for text, found in [
            ("2026-03-01", "2026-03-01"), ("2026/3/1", "2026-03-01"), ("2026.3.1.", "2026-03-01"), ("20260301", "2026-03-01"),
            ("2026年3月1日", "2026-03-01"), ("2026년 3월 1일", "2026-03-01"), ("3월 1일", "2026-03-01"), ("Sunday, March 1st, 2026", "2026-03-01"),
            ("1 March", "2026-03-01"), ("2026-W09-7", "2026-03-01"), ("today", "2026-03-04"), ("어제", "2026-03-03"), ("後天", "2026-03-06"),
            ("friday", "2026-03-06"), ("next Wednesday", "2026-03-11"),
        ]:
            with self.subTest(text):
                self.assertEqual(day(text), found)
        for text, said in [("3/1/2026", "differently"), ("2026-02-29", "there is no"), ("2026-13-01", "there is no"), ("soon", "no date"),
                           ("2026-03-01 25:00", "no time"), ("2026-03-01 hello", "can't be read"), ("2026-W54", "no week")]:
            with self.subTest(text), self.assertRaisesRegex(TIME.Refused, said):
                day(text)

    def test_facts_of_a_day(self):
        answer = ask(action="calendar", time="2026-03-01")
        self.assertEqual((answer["weekday"], answer["iso_week"], answer["day_of_year"]), ("Sunday", "2026-W09-7", 60))
        self.assertEqual(answer["weekday_names"], {"zh": "星期日", "ko": "일요일", "ja": "日曜日"})
        self.assertEqual((answer["days_left_in_year"], answer["is_leap_year"], answer["quarter"]), (305, False, 1))
        self.assertTrue(ask(action="calendar", time="2024-12-31")["is_leap_year"])

    def test_eras(self):
        for text, found in [
            ("令和8年3月1日", "2026-03-01"), ("令和元年5月1日", "2019-05-01"), ("R8.3.1", "2026-03-01"), ("昭和64年1月7日", "1989-01-07"),
            ("平成元年1月8日", "1989-01-08"), ("大正元年7月30日", "1912-07-30"), ("昭和元年12月25日", "1926-12-25"), ("民國115年3月1日", "2026-03-01"),
            ("民國元年1月1日", "1912-01-01"),
        ]:
            with self.subTest(text):
                self.assertEqual(day(text), found)
        self.assertEqual(day("115-03-01", calendar="roc"), "2026-03-01")
        for text, said in [("昭和64年1月8日", "not in 昭和"), ("令和元年4月30日", "not in 令和"), ("明治2年1月1日", "lunar")]:
            with self.subTest(text), self.assertRaisesRegex(TIME.Refused, said):
                day(text)
        answer = ask(action="calendar", time="2019-05-01")
        self.assertEqual(answer["japanese"]["text"], "令和元年5月1日")
        self.assertEqual(answer["roc"]["text"], "民國108年5月1日")
        self.assertEqual(answer["dangi_year"], 4352)
        self.assertNotIn("roc", ask(action="calendar", time="1911-12-31"))


class Lunar(unittest.TestCase):
    # As published in almanacs.
    CHINESE_NEW_YEARS = ("1900-01-31 1901-02-19 1949-01-29 1985-02-20 1997-02-07 2000-02-05 2007-02-18 2015-02-19 2020-01-25 2021-02-12 "
                         "2022-02-01 2023-01-22 2024-02-10 2025-01-29 2026-02-17 2027-02-06 2028-01-26 2033-01-31 2034-02-19 2050-01-23 2100-02-09")
    KOREAN_NEW_YEARS = "1997-02-08 2024-02-10 2025-01-29 2026-02-17 2027-02-07 2028-01-27 2030-02-03"
    CHINESE_LEAPS = {2001: 4, 2004: 2, 2006: 7, 2009: 5, 2012: 4, 2014: 9, 2017: 6, 2020: 4, 2023: 2, 2025: 6, 2028: 5, 2031: 3, 2033: 11, 2036: 6}
    KOREAN_LEAPS = {2012: 3, 2017: 5, 2020: 4, 2023: 2, 2025: 6}

    def test_new_years(self):
        for found in self.CHINESE_NEW_YEARS.split():
            self.assertEqual(day(f"{found[:4]}-01-01", calendar="lunar"), found)
        for found in self.KOREAN_NEW_YEARS.split():
            self.assertEqual(day(f"{found[:4]}-01-01", calendar="dangi"), found)

    def test_leap_months(self):
        import lunar

        for table, known in ((lunar.CHINA, self.CHINESE_LEAPS), (lunar.KOREA, self.KOREAN_LEAPS)):
            leaps = {year: month for _, year, month, is_leap, _ in lunar._months(table) if is_leap}
            for year, month in known.items():
                self.assertEqual(leaps[year], month)
        # Seven in nineteen years, over the long run.
        self.assertAlmostEqual(len(leaps) / 201, 7 / 19, places=2)

    def test_festivals(self):
        for text, found in [
            ("農曆2025年閏六月初八", "2025-08-01"), ("农历2026年八月十五", "2026-09-25"), ("음력 2025년 8월 15일", "2025-10-06"),
            ("음력 2026-5-5", "2026-06-19"), ("旧暦2026年12月29日", "2027-02-05"), ("農曆八月十五", "2026-09-25"), ("음력 1월 1일", "2027-02-07"),
            ("단기 4359년 1월 1일", "2026-02-17"), ("農曆二〇二六年正月初一", "2026-02-17"), ("農曆2026年臘月廿八", "2027-02-04"),
        ]:
            with self.subTest(text):
                self.assertEqual(day(text), found)

    def test_names(self):
        answer = ask(action="calendar", time="2025-08-01")
        self.assertEqual(answer["lunar"], {"year": 2025, "month": 6, "is_leap_month": True, "day": 8, "year_name": "乙巳", "animal": "Snake",
                                           "day_name": "壬寅", "text": "農曆乙巳年閏六月初八"})
        self.assertEqual(answer["dangi"]["text"], "음력 2025년 윤6월 8일")
        self.assertEqual(answer["dangi"]["year_name"], "을사")
        # The year turns at New Year's Day, not on the first of January.
        self.assertEqual(ask(action="calendar", time="2026-02-16")["lunar"]["year_name"], "乙巳")
        self.assertEqual(ask(action="calendar", time="2026-02-17")["lunar"]["animal"], "Horse")
        for time, name in [("2026-02-17", "正月初一"), ("2026-03-08", "正月二十"), ("2026-03-09", "正月廿一"), ("2027-02-05", "十二月廿九")]:
            self.assertEqual(ask(action="calendar", time=time)["lunar"]["text"], f"農曆丙午年{name}")

    def test_both_tables_are_whole(self):
        import lunar

        for table in (lunar.CHINA, lunar.KOREA):
            months = list(lunar._months(table))
            self.assertEqual(len(table.split()), 201)
            self.assertEqual(months[-1][0] + timedelta(days=months[-1][4]), date(2101, 1, 29))
            for begin, year, month, is_leap, days in months[::7]:
                for number in (1, days):
                    found = lunar.to_gregorian(year, month, number, is_leap, table)
                    self.assertEqual(lunar.from_gregorian(found, table), (year, month, is_leap, number))
                    self.assertLessEqual(abs((found - begin).days), 29)
            # A year begins between 20 January and 21 February.
            for begin, year, month, is_leap, _ in months:
                if (month, is_leap) == (1, False):
                    self.assertTrue(date(year, 1, 20) <= begin <= date(year, 2, 21), begin)

    def test_what_is_not_there(self):
        for text, more, said in [
            ("2026-06-01", {"leap_month": True}, "no leap month"), ("2025-05-01", {"leap_month": True}, "leap month is 6"),
            ("2026-01-31", {}, "has 30 days|has 29 days"), ("1899-01-01", {}, "1900"), ("2101-01-01", {}, "2100"), ("2026-13-01", {}, "no lunar month"),
        ]:
            with self.subTest(text), self.assertRaisesRegex(TIME.Refused, said):
                day(text, calendar="lunar", **more)
        self.assertIn("1900-01-31", ask(action="calendar", time="1850-03-01")["notes"][0])


class Spans(unittest.TestCase):
    def test_days_until(self):
        answer = ask(action="difference", end="2026-12-25", zone="Seoul")
        self.assertEqual((answer["days"], answer["text"], answer["is_past"]), (295, "295 days", False))
        self.assertEqual(ask(action="difference", end="음력 2027-01-01", zone="Seoul")["days"], 339)

    def test_differences(self):
        answer = ask(action="difference", start="2026-01-31", end="2026-03-01")
        self.assertEqual(answer["years_months_days"], {"years": 0, "months": 1, "days": 1})
        self.assertEqual((answer["days"], answer["working_days"], answer["weeks_and_days"]), (29, 20, {"weeks": 4, "days": 1}))
        answer = ask(action="difference", start="2026-03-01 09:00 KST", end="2026-03-01 09:00 New York")
        self.assertEqual((answer["total_seconds"], answer["text"]), (14 * 3600, "0 days 14 hours 0 minutes 0 seconds"))
        # An hour is missing that night.
        answer = ask(action="difference", start="2026-03-07 12:00", end="2026-03-08 12:00", zone="New York")
        self.assertEqual(answer["elapsed"], {"days": 0, "hours": 23, "minutes": 0, "seconds": 0})
        answer = ask(action="difference", start="2026-03-10", end="2026-03-03")
        self.assertEqual((answer["days"], answer["working_days"], answer["is_past"]), (-7, -5, True))
        self.assertEqual(ask(action="difference", start="1990-05-17", end="2026-03-04")["years_months_days"], {"years": 35, "months": 9, "days": 15})

    def test_additions(self):
        for text, duration, time in [
            ("2026-01-31", "1 month", "2026-02-28T00:00:00+00:00"), ("2024-02-29", "1 year", "2025-02-28T00:00:00+00:00"),
            ("2026-03-01", "P1M2DT3H", "2026-04-03T03:00:00+00:00"), ("2026-03-01", "-P1W", "2026-02-22T00:00:00+00:00"),
            ("2026-03-01", "3 days 4 hours", "2026-03-04T04:00:00+00:00"), ("2026-03-01", "-1 month 2 days", "2026-01-30T00:00:00+00:00"),
            ("2026-03-01", "100일", "2026-06-09T00:00:00+00:00"), ("2026-03-01", "2個月", "2026-05-01T00:00:00+00:00"),
            ("2026-03-01", "3주 전", "2026-02-08T00:00:00+00:00"), ("2026-03-01", "2 weeks ago", "2026-02-15T00:00:00+00:00"),
            ("2026-03-06", "10 working days", "2026-03-20T00:00:00+00:00"), ("2026-03-07", "-1 영업일", "2026-03-06T00:00:00+00:00"),
            ("2026-03-01 10:00", "90 minutes", "2026-03-01T11:30:00+00:00"), ("2026-03-01 10:00", "1시간 30분", "2026-03-01T11:30:00+00:00"),
        ]:
            with self.subTest(duration):
                self.assertEqual(ask(action="add", time=text, duration=duration)["time"], time)
        # A day is a day on the calendar, 24 hours are 24 hours.
        self.assertEqual(ask(action="add", time="2026-03-07 12:00", duration="1 day", zone="New York")["time"], "2026-03-08T12:00:00-04:00")
        self.assertEqual(ask(action="add", time="2026-03-07 12:00", duration="24 hours", zone="New York")["time"], "2026-03-08T13:00:00-04:00")
        self.assertIn("ends on", ask(action="add", time="2026-01-31", duration="1 month")["notes"][0])

    def test_what_is_wrong_is_said(self):
        for arguments, said in [
            ({"action": "add"}, "needs `duration`"), ({"action": "add", "duration": "a while"}, "no duration"), ({"action": "convert"}, "needs `to`"),
            ({"action": "difference"}, "needs `end`"), ({"action": "sing"}, "must be one of"), ({"calendar": "maya"}, "must be one of"),
            ({"zone": 9}, "must be a text"), ({"to": {}, "action": "convert"}, "needs `to`"), ({"to": ["UTC"] * 31}, "at most 30"),
            ({"action": "add", "duration": "9999999 years"}, "year 9999"), ({"action": "add", "duration": "9999999 days"}, "year 9999"),
            ({"action": "add", "duration": "9999999 working days"}, "at most"), ({"action": "convert", "time": "@999999999999", "to": "UTC"}, "year 9999"),
        ]:
            with self.subTest(arguments), self.assertRaisesRegex(TIME.Refused, said):
                ask(**arguments)


class Process(unittest.TestCase):
    def test_it_answers_like_a_skill(self):
        answer = skill.run("time", {"action": "convert", "time": "2026-03-01 15:00", "zone": "서울", "to": ["Tokyo"]})
        self.assertEqual(answer["in"][0]["time"], "2026-03-01T15:00:00+09:00")
        self.assertEqual(answer["in"][0]["difference"], "same time")
        self.assertIn("unix", skill.run("time", {}))
        with self.assertRaisesRegex(skill.Failed, "no time zone"):
            skill.run("time", {"zone": "Atlantis"})
        with self.assertRaisesRegex(skill.Failed, "no JSON object"):
            skill.run("time", {}, given=b"now")


if __name__ == "__main__":
    unittest.main()
