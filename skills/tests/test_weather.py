import json
import unittest
from urllib.parse import parse_qs, urlsplit

import skill
from server import Server

WEATHER = skill.module("weather")

SEOUL = {"name": "서울특별시", "latitude": 37.566, "longitude": 126.9784, "country": "대한민국", "country_code": "KR", "admin1": "서울"}
SPRINGFIELDS = [
    {"name": "Springfield", "latitude": 37.21, "longitude": -93.29, "country": "United States", "country_code": "US", "admin1": "Missouri"},
    {"name": "Springfield", "latitude": 39.80, "longitude": -89.64, "country": "United States", "country_code": "US", "admin1": "Illinois"},
]
PLACES = {"서울": [SEOUL], "Springfield": SPRINGFIELDS, "東京": [{"name": "東京", "latitude": 35.69, "longitude": 139.69, "country": "日本"}]}

FORECAST = {
    "timezone": "Asia/Seoul",
    "current": {"time": "2026-03-01T15:00", "temperature_2m": 7.4, "apparent_temperature": 4.9, "relative_humidity_2m": 41, "precipitation": 0.0,
                "weather_code": 2, "cloud_cover": 55, "wind_speed_10m": 11.2, "wind_direction_10m": 315, "wind_gusts_10m": 20.1, "is_day": 1},
    "daily": {"time": ["2026-03-01", "2026-03-02"], "weather_code": [61, 75], "temperature_2m_max": [9.1, 2.0], "temperature_2m_min": [-1.0, -4.2],
              "precipitation_sum": [1.2, 14.0], "precipitation_probability_max": [60, None], "wind_speed_10m_max": [18.0, 30.3],
              "uv_index_max": [3.1, 1.0], "sunrise": ["2026-03-01T07:04", "2026-03-02T07:03"], "sunset": ["2026-03-01T18:27", "2026-03-02T18:28"]},
}


def page(value, status=200):
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def search(request):
    name = parse_qs(urlsplit(request.path).query)["name"][0]
    # The service leaves `results` out when there are none.
    return page({"results": PLACES[name]} if name in PLACES else {"generationtime_ms": 0.5})


class Weather(unittest.TestCase):
    def ask(self, arguments, **pages):
        paths = {"/v1/search": pages.get("search", search), "/v1/forecast": pages.get("forecast", page(FORECAST))}
        with Server(paths) as server:
            try:
                return WEATHER.run(arguments, geocoding=server.url, forecast=server.url)
            finally:
                self.asked = [(urlsplit(path).path, parse_qs(urlsplit(path).query)) for path, _ in server.asked]

    def test_a_place_in_its_own_script(self):
        answer = self.ask({"location": "서울"})
        self.assertEqual((answer["location"], answer["time_zone"]), ("서울특별시, 서울, 대한민국", "Asia/Seoul"))
        self.assertEqual(answer["current"]["sky"], "partly cloudy")
        self.assertEqual((answer["current"]["temperature"], answer["current"]["wind_from"]), (7.4, "NW"))
        first, second = answer["days"]
        self.assertEqual((first["date"], first["sky"], first["high"], first["low"]), ("2026-03-01", "light rain", 9.1, -1.0))
        self.assertEqual((second["sky"], second["precipitation_chance_percent"]), ("heavy snow", None))
        self.assertIn("Open-Meteo", answer["source"])
        (place, sought), (forecast, asked) = self.asked
        self.assertEqual((place, sought["name"], sought["language"]), ("/v1/search", ["서울"], ["ko"]))
        self.assertEqual((forecast, asked["latitude"], asked["timezone"], asked["forecast_days"]), ("/v1/forecast", ["37.566"], ["auto"], ["3"]))
        self.assertIn("temperature_2m", asked["current"][0].split(","))

    def test_units_and_days(self):
        answer = self.ask({"location": "東京", "units": "imperial", "days": 16})
        self.assertEqual(answer["units"]["temperature"], "°F")
        asked = self.asked[-1][1]
        self.assertEqual((asked["temperature_unit"], asked["wind_speed_unit"], asked["precipitation_unit"]), (["fahrenheit"], ["mph"], ["inch"]))
        self.assertEqual(asked["forecast_days"], ["16"])
        self.assertEqual(self.asked[0][1]["language"], ["zh"])

    def test_the_region_decides(self):
        self.assertEqual(self.ask({"location": "Springfield"})["location"], "Springfield, Missouri, United States")
        answer = self.ask({"location": "Springfield, illinois, USA"})
        self.assertEqual(answer["latitude"], 39.80)
        self.assertNotIn("also_known", answer)
        self.assertEqual(self.ask({"location": "Springfield"})["also_known"], ["Springfield, Illinois, United States"])
        with self.assertRaisesRegex(WEATHER.Refused, "in `France`. Known: Springfield, Missouri"):
            self.ask({"location": "Springfield, France"})

    def test_what_is_added_to_names_is_left_out_when_needed(self):
        self.assertEqual(self.ask({"location": "서울특별시"})["latitude"], 37.566)
        self.assertEqual([query["name"] for path, query in self.asked if path == "/v1/search"], [["서울특별시"], ["서울"]])
        self.assertEqual(self.ask({"location": "서울 강남"})["latitude"], 37.566)

    def test_coordinates_need_no_search(self):
        self.assertEqual(self.ask({"location": "37.5, -127"})["longitude"], -127)
        self.assertEqual([path for path, _ in self.asked], ["/v1/forecast"])

    def test_problems_are_told(self):
        for pages, said in [
            ({}, "no place `Nowhereville` is known"),
            ({"search": page({"error": True, "reason": "Parameter count must be between 1 and 100."}, 400)}, "400: Parameter count"),
            ({"search": page({}, 429)}, "too many questions"),
            ({"search": (502, {}, b"<html>bad gateway")}, "502: Bad Gateway"),
            ({"search": (200, {}, b"<html>")}, "no weather"),
        ]:
            with self.subTest(said), self.assertRaisesRegex(WEATHER.Refused, said):
                self.ask({"location": "Nowhereville"}, **pages)
        with self.assertRaisesRegex(WEATHER.Refused, "incomplete"):
            self.ask({"location": "서울"}, forecast=page({"current": None}))
        with self.assertRaisesRegex(WEATHER.Refused, "can't be reached"):
            WEATHER.run({"location": "서울"}, geocoding="http://127.0.0.1:1")

    def test_every_code_has_a_text(self):
        self.assertEqual(WEATHER.sky(95), "thunderstorm")
        self.assertEqual(WEATHER.sky(42), "WMO code 42")
        self.assertIsNone(WEATHER.sky(None))

    def test_arguments_are_checked_before_anything_is_asked(self):
        for arguments, said in [
            ({}, "name of a place"), ({"location": " "}, "name of a place"), ({"location": "x" * 201}, "200 characters"),
            ({"location": "서울", "days": 0}, "from 1 to 16"), ({"location": "서울", "days": "3"}, "from 1 to 16"),
            ({"location": "서울", "units": "kelvin"}, "metric or imperial"), ({"location": "95,10"}, "latitude goes to 90"),
        ]:
            with self.subTest(arguments), self.assertRaisesRegex(skill.Failed, said):
                skill.run("weather", arguments)

    def test_without_a_network_it_says_so(self):
        # Nothing listens there; in the sandbox the proxy does.
        closed = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
        with self.assertRaisesRegex(skill.Failed, "geocoding-api.open-meteo.com can't be reached"):
            skill.run("weather", {"location": "서울"}, env=closed)


if __name__ == "__main__":
    unittest.main()
