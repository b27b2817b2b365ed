#!/usr/bin/env python3
"""Weather by Open-Meteo: one JSON object on stdin, one on stdout."""

import json
import re
import sys

GEOCODING = "https://geocoding-api.open-meteo.com"
FORECAST = "https://api.open-meteo.com"
DAYS, MOST_DAYS = 3, 16
TIMEOUT = 12
MOST_BYTES = 1024 * 1024
CANDIDATES = 10

CURRENT = ("temperature_2m", "apparent_temperature", "relative_humidity_2m", "precipitation", "weather_code", "cloud_cover",
           "wind_speed_10m", "wind_direction_10m", "wind_gusts_10m", "is_day")
DAILY = ("weather_code", "temperature_2m_max", "temperature_2m_min", "precipitation_sum", "precipitation_probability_max",
         "wind_speed_10m_max", "uv_index_max", "sunrise", "sunset")
UNITS = {
    "metric": {"temperature_unit": "celsius", "wind_speed_unit": "kmh", "precipitation_unit": "mm"},
    "imperial": {"temperature_unit": "fahrenheit", "wind_speed_unit": "mph", "precipitation_unit": "inch"},
}
NAMES = {"metric": ("°C", "km/h", "mm"), "imperial": ("°F", "mph", "in")}

# WMO 4677 as far as the forecast uses it.
CODES = {
    0: "clear sky", 1: "mainly clear", 2: "partly cloudy", 3: "overcast", 45: "fog", 48: "fog with rime", 51: "light drizzle",
    53: "drizzle", 55: "dense drizzle", 56: "light freezing drizzle", 57: "freezing drizzle", 61: "light rain", 63: "rain",
    65: "heavy rain", 66: "light freezing rain", 67: "freezing rain", 71: "light snow", 73: "snow", 75: "heavy snow",
    77: "snow grains", 80: "light rain showers", 81: "rain showers", 82: "violent rain showers", 85: "light snow showers",
    86: "heavy snow showers", 95: "thunderstorm", 96: "thunderstorm with light hail", 99: "thunderstorm with heavy hail",
}
WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
# What stands behind the name of a place and is no part of it for the geocoder.
SUFFIX = re.compile(r"(특별자치시|특별자치도|특별시|광역시|특별자치|시|군|구|市|縣|县|都|府|区|區|省)$")
COORDINATES = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*[,;\s]\s*(-?\d{1,3}(?:\.\d+)?)\s*")


class Refused(Exception):
    """What can't be answered, in words for whoever asked."""


def language(text):
    """The language of a place's name, as the geocoder calls it, by its script."""
    if re.search("[가-힣]", text):
        return "ko"
    if re.search("[ぁ-ヿ]", text):
        return "ja"
    if re.search("[一-鿿]", text):
        return "zh"
    for script, name in (("[а-яё]", "ru"), ("[α-ω]", "el"), ("[؀-ۿ]", "ar"), ("[ऀ-ॿ]", "hi"), ("[฀-๿]", "th")):
        if re.search(script, text, re.I):
            return name
    return "en"


def fetch(base, path, query):
    """The JSON that a service answers with."""
    # Loaded late: it is most of what this program takes to start.
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlencode
    from urllib.request import Request, urlopen

    host = base.split("//")[1]
    request = Request(f"{base}{path}?{urlencode(query)}", headers={"Accept": "application/json", "User-Agent": "openclaw-weather/1.2"})
    try:
        with urlopen(request, timeout=TIMEOUT) as response:
            body = response.read(MOST_BYTES + 1)
    except HTTPError as error:
        raise Refused(http_problem(host, error)) from None
    except URLError as error:
        raise Refused(f"{host} can't be reached: {error.reason}") from None
    except OSError as error:
        raise Refused(f"{host} can't be reached: {error}") from None
    try:
        answer = json.loads(body) if len(body) <= MOST_BYTES else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refused(f"{host} answered with something that is no weather; try again later")
    return answer


def http_problem(host, error):
    if error.code == 429:
        return f"{host} has had too many questions from here for now; try again in an hour"
    try:
        reason = json.loads(error.read(MOST_BYTES))["reason"]
    except (ValueError, KeyError, TypeError, OSError):
        reason = error.reason
    return f"{host} answered with {error.code}: {str(reason)[:300]}"


def place(location, base):
    """The place meant, and other places of that name."""
    found = COORDINATES.fullmatch(location)
    if found:
        latitude, longitude = float(found[1]), float(found[2])
        if abs(latitude) > 90 or abs(longitude) > 180:
            raise Refused(f"there is no place at {location.strip()}: latitude goes to 90, longitude to 180")
        return {"name": f"{latitude}, {longitude}", "latitude": latitude, "longitude": longitude}, []
    name, *within = (part.strip() for part in re.split("[,，、]", location))
    if not name and not within:
        raise Refused("the location is empty")
    tries = [name]
    bare = SUFFIX.sub("", name)
    if len(bare) > 1 and bare != name:
        tries.append(bare)
    # 서울 강남구, New York City: the whole did not help, so its first or last word may.
    tries += [word for word in name.split() if len(word) > 1 and word != name][:2]
    for one in tries:
        query = {"name": one, "count": CANDIDATES, "language": language(location), "format": "json"}
        places = fetch(base, "/v1/search", query).get("results") or []
        places = [place for place in places if isinstance(place, dict) and "latitude" in place and "longitude" in place]
        wanted = [part for part in within if part]
        matching = [place for place in places if all(lies_in(place, part) for part in wanted)]
        if matching:
            return matching[0], [title(place) for place in matching[1:4]]
        if places and wanted:
            others = "; ".join(title(place) for place in places[:4])
            raise Refused(f"no place `{name}` is known in `{', '.join(wanted)}`. Known: {others}")
    raise Refused(f"no place `{location}` is known. Try the nearest town, another spelling or language, or `latitude,longitude`")


def lies_in(place, part):
    part = part.casefold()
    if part == (place.get("country_code") or "").casefold():
        return True
    aliases = {"usa": "us", "u.s.": "us", "u.s.a.": "us", "uk": "gb"}
    if aliases.get(part) == (place.get("country_code") or "").casefold():
        return True
    regions = (place.get(key) or "" for key in ("country", "admin1", "admin2", "admin3", "admin4"))
    return any(part in region.casefold() for region in regions if region)


def title(place):
    """`Springfield, Illinois, United States`."""
    parts = []
    for key in ("name", "admin1", "country"):
        if place.get(key) and place[key] not in parts:
            parts.append(str(place[key]))
    return ", ".join(parts)


def sky(code):
    return CODES.get(code, f"WMO code {code}") if code is not None else None


def wind(degrees):
    return WINDS[round(degrees / 45) % 8] if isinstance(degrees, (int, float)) else None


def run(arguments, geocoding=GEOCODING, forecast=FORECAST):
    location, days, units = arguments.get("location"), arguments.get("days", DAYS), arguments.get("units", "metric")
    if not isinstance(location, str) or not location.strip():
        raise Refused("`location` must be the name of a place, such as 서울 or Paris, France")
    if len(location) > 200:
        raise Refused("`location` has more than 200 characters")
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
        raise Refused(f"`days` must be a whole number from 1 to {MOST_DAYS}")
    if units not in UNITS:
        raise Refused("`units` must be metric or imperial")
    where, others = place(location, geocoding)
    query = {"latitude": where["latitude"], "longitude": where["longitude"], "current": ",".join(CURRENT), "daily": ",".join(DAILY),
             "timezone": "auto", "forecast_days": days, **UNITS[units]}
    told = fetch(forecast, "/v1/forecast", query)
    now, daily = told.get("current"), told.get("daily")
    if not isinstance(now, dict) or not isinstance(daily, dict) or not isinstance(daily.get("time"), list):
        raise Refused(f"the forecast for {title(where)} is incomplete; try again later")
    temperature, speed, height = NAMES[units]

    def of(key, index):
        values = daily.get(key)
        return values[index] if isinstance(values, list) and index < len(values) else None

    answer = {
        "location": title(where),
        "latitude": where["latitude"],
        "longitude": where["longitude"],
        "time_zone": told.get("timezone"),
        "units": {"temperature": temperature, "wind": speed, "precipitation": height},
        "current": {
            "time": now.get("time"),
            "sky": sky(now.get("weather_code")),
            "temperature": now.get("temperature_2m"),
            "feels_like": now.get("apparent_temperature"),
            "humidity_percent": now.get("relative_humidity_2m"),
            "precipitation": now.get("precipitation"),
            "cloud_cover_percent": now.get("cloud_cover"),
            "wind": now.get("wind_speed_10m"),
            "wind_from": wind(now.get("wind_direction_10m")),
            "gusts": now.get("wind_gusts_10m"),
            "is_day": bool(now.get("is_day")),
        },
        "days": [
            {
                "date": date,
                "sky": sky(of("weather_code", index)),
                "high": of("temperature_2m_max", index),
                "low": of("temperature_2m_min", index),
                "precipitation": of("precipitation_sum", index),
                "precipitation_chance_percent": of("precipitation_probability_max", index),
                "wind": of("wind_speed_10m_max", index),
                "uv_index": of("uv_index_max", index),
                "sunrise": of("sunrise", index),
                "sunset": of("sunset", index),
            }
            for index, date in enumerate(daily["time"])
        ],
        "source": "Open-Meteo.com (CC BY 4.0)",
    }
    if others:
        answer["also_known"] = others
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
