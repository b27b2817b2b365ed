"""Which time zone a word means: IANA names, cities and countries in several languages, abbreviations, offsets."""

import os
import re
from datetime import timedelta, timezone

# Words by zone, in lower case.
ALIASES = """
Asia/Seoul: seoul 서울 首爾 首尔 漢城 汉城 ソウル korea south_korea 한국 대한민국 韓國 韩国 韓国 kst busan 부산 釜山 incheon 인천 daegu 대구 daejeon 대전 gwangju 광주 jeju 제주
Asia/Pyongyang: north_korea 평양 平壤 북한 北韓 朝鲜
Asia/Tokyo: tokyo 東京 东京 도쿄 동경 japan 日本 일본 jst osaka 大阪 오사카 kyoto 京都 교토 nagoya 名古屋 나고야 sapporo 札幌 삿포로 fukuoka 福岡 후쿠오카 yokohama 横浜
Asia/Taipei: taipei 台北 臺北 타이베이 タイペイ taiwan 台灣 臺灣 台湾 대만 taichung 台中 臺中 tainan 台南 臺南 kaohsiung 高雄 hsinchu 新竹
Asia/Shanghai: beijing 北京 베이징 북경 peking shanghai 上海 상하이 china 中国 中國 중국 prc shenzhen 深圳 선전 guangzhou 廣州 广州 광저우 chengdu 成都 청두 hangzhou 杭州 wuhan 武漢 武汉 nanjing 南京 chongqing 重慶 重庆 tianjin 天津 xian 西安
Asia/Hong_Kong: hong_kong 香港 홍콩 ホンコン hkt
Asia/Macau: macau macao 澳門 澳门 마카오
Asia/Singapore: singapore 新加坡 싱가포르 シンガポール sgt
Asia/Kuala_Lumpur: malaysia 吉隆坡 쿠알라룸푸르 クアラルンプール
Asia/Bangkok: thailand 曼谷 방콕 バンコク 泰国 泰國 태국
Asia/Ho_Chi_Minh: vietnam hanoi saigon 胡志明市 河內 河内 하노이 호치민 베트남 ハノイ
Asia/Jakarta: indonesia 雅加達 雅加达 자카르타 ジャカルタ wib
Asia/Manila: philippines 馬尼拉 马尼拉 마닐라 マニラ
Asia/Kolkata: india delhi new_delhi mumbai bangalore bengaluru chennai hyderabad calcutta 印度 인도 インド 孟買 孟买 新德里 뉴델리 뭄바이
Asia/Karachi: pakistan islamabad lahore pkt
Asia/Dhaka: bangladesh
Asia/Kathmandu: nepal
Asia/Dubai: uae abu_dhabi 杜拜 迪拜 두바이 ドバイ
Asia/Riyadh: saudi_arabia
Asia/Tehran: iran
Asia/Jerusalem: israel tel_aviv
Europe/Istanbul: turkey ankara 伊斯坦堡 이스탄불
Europe/Moscow: moscow 莫斯科 모스크바 モスクワ msk
Europe/London: london 倫敦 伦敦 런던 ロンドン uk england britain 英國 英国 영국 イギリス edinburgh manchester bst
Europe/Dublin: ireland
Europe/Lisbon: portugal wet west
Europe/Paris: paris 巴黎 파리 パリ france 法國 法国 프랑스 フランス cet cest lyon marseille
Europe/Berlin: berlin 柏林 베를린 ベルリン germany 德國 德国 독일 ドイツ munich 慕尼黑 뮌헨 frankfurt 法蘭克福 法兰克福 프랑크푸르트 hamburg cologne
Europe/Madrid: spain barcelona 馬德里 马德里 마드리드 巴塞隆納 巴塞罗那 바르셀로나
Europe/Rome: italy milan 羅馬 罗马 로마 ローマ 米蘭 米兰 밀라노
Europe/Amsterdam: netherlands 阿姆斯特丹 암스테르담
Europe/Brussels: belgium 布魯塞爾 布鲁塞尔
Europe/Zurich: switzerland geneva bern 蘇黎世 苏黎世 취리히
Europe/Vienna: austria 維也納 维也纳 빈
Europe/Stockholm: sweden
Europe/Oslo: norway
Europe/Copenhagen: denmark
Europe/Helsinki: finland eet eest
Europe/Warsaw: poland
Europe/Prague: czechia
Europe/Budapest: hungary
Europe/Athens: greece 雅典 아테네
Europe/Kyiv: ukraine kiev
Africa/Cairo: egypt 開羅 开罗 카이로
Africa/Johannesburg: south_africa cape_town
Africa/Lagos: nigeria
Africa/Nairobi: kenya
America/New_York: new_york nyc 紐約 纽约 뉴욕 ニューヨーク boston 波士頓 波士顿 보스턴 washington washington_dc 華盛頓 华盛顿 워싱턴 philadelphia miami 邁阿密 迈阿密 마이애미 atlanta 애틀랜타 eastern eastern_time et est edt us/eastern
America/Chicago: 芝加哥 시카고 シカゴ dallas 達拉斯 达拉斯 댈러스 houston 休士頓 休斯敦 휴스턴 austin minneapolis new_orleans central_time ct cdt
America/Denver: 丹佛 덴버 salt_lake_city mountain_time mt mst mdt
America/Phoenix: arizona
America/Los_Angeles: los_angeles la 洛杉磯 洛杉矶 로스앤젤레스 ロサンゼルス san_francisco sf 舊金山 旧金山 샌프란시스코 サンフランシスコ seattle 西雅圖 西雅图 시애틀 シアトル san_diego san_jose silicon_valley 矽谷 硅谷 실리콘밸리 las_vegas 拉斯維加斯 라스베이거스 portland california pacific pacific_time pt pst pdt
America/Anchorage: alaska akst akdt
Pacific/Honolulu: hawaii 夏威夷 하와이 ハワイ 檀香山 hst
America/Toronto: ottawa montreal 多倫多 多伦多 토론토 トロント 蒙特婁 몬트리올
America/Vancouver: 溫哥華 温哥华 밴쿠버 バンクーバー
America/Mexico_City: mexico 墨西哥城 멕시코시티
America/Sao_Paulo: sao_paulo brazil rio rio_de_janeiro brasilia 聖保羅 圣保罗 상파울루 brt
America/Argentina/Buenos_Aires: argentina 布宜諾斯艾利斯 부에노스아이레스
America/Santiago: chile
America/Bogota: colombia
America/Lima: peru
Australia/Sydney: 雪梨 悉尼 시드니 シドニー canberra aest aedt
Australia/Melbourne: 墨爾本 墨尔本 멜버른 メルボルン
Australia/Brisbane: queensland
Australia/Perth: awst
Pacific/Auckland: new_zealand wellington 奧克蘭 奥克兰 오클랜드 オークランド nzst nzdt
UTC: utc gmt z zulu 世界協調時 協定世界時 世界标准时间 세계협정시
"""

AMBIGUOUS = {
    "cst": "CST is used in Chicago, in China and in Cuba",
    "ist": "IST is used in India, Israel and Ireland",
    "ast": "AST is used in Arabia and on the Atlantic coast",
    "usa": "the United States have several time zones", "us": "the United States have several time zones",
    "america": "the United States have several time zones", "미국": "the United States have several time zones",
    "美國": "the United States have several time zones", "美国": "the United States have several time zones",
    "アメリカ": "the United States have several time zones", "canada": "Canada has several time zones",
    "australia": "Australia has several time zones", "호주": "Australia has several time zones",
    "russia": "Russia has several time zones",
}
OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.I)


class UnknownZone(Exception):
    """A word that means no zone, or several."""


def find(word):
    """The zone as (tzinfo, name)."""
    text = word.strip()
    key = text.lower().replace(" ", "_")
    offset = OFFSET.fullmatch(text.replace("−", "-"))
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes > 14 * 60:
            raise UnknownZone(f"`{text}` is further from UTC than any zone")
        minutes *= -1 if offset[1] == "-" else 1
        if not minutes:
            return timezone.utc, "UTC"
        return timezone(timedelta(minutes=minutes)), f"UTC{offset[1]}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    if key in AMBIGUOUS:
        raise UnknownZone(f"{AMBIGUOUS[key]}; name a city")
    for name in (_aliases().get(key), text, _by_city(key)):
        zone = name and _load(name)
        if zone:
            return zone, name
    raise UnknownZone(f"`{text}` is no time zone known here; use an IANA name such as Asia/Seoul, a large city, or an offset such as +09:00")


def _aliases():
    found = {}
    for line in ALIASES.strip().splitlines():
        name, _, words = line.partition(": ")
        for one in (*words.split(), name.rpartition("/")[2].lower()):
            found.setdefault(one, name)
    return found


def _load(name):
    if name == "UTC":
        return timezone.utc
    from zoneinfo import TZPATH, ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if not any(os.path.isdir(path) for path in TZPATH):
            raise UnknownZone("this machine has no time zone data; install the package tzdata") from None
        return None


def _by_city(key):
    """The zone with that name in any case, or named after that city."""
    from zoneinfo import TZPATH

    for path in TZPATH:
        for table in ("tzdata.zi", "zone.tab"):
            try:
                with open(os.path.join(path, table), encoding="utf-8") as file:
                    names = [_name(line, table) for line in file]
            except OSError:
                continue
            for name in filter(None, names):
                if key in (name.lower(), name.rpartition("/")[2].lower()):
                    return name
    return None


def _name(line, table):
    parts = line.split()
    if table == "zone.tab":
        return parts[2] if len(parts) > 2 and parts[0] != "#" else None
    # `Z name …` defines a zone, `L target name` an older name.
    if parts and parts[0] == "Z":
        return parts[1]
    return parts[2] if parts and parts[0] == "L" and len(parts) == 3 else None
