"""The units, each defined by others in the calculator's own language.

A line is `names = definition # note`. A name with `+` takes the SI prefixes. `!` begins a base unit. The first name is
the one that answers are given in, unless another one was asked for. A note is told with every answer that used the unit.
"""

from fractions import Fraction

BASES = ("length", "mass", "time", "temperature", "current", "amount", "data", "angle")

TABLE = """
m+ meter+ metre+ 米 公尺 미터 メートル = !length
kg 公斤 千克 킬로 キロ = !mass
s+ sec second+ 秒 秒鐘 秒钟 초 = !time
K+ kelvin+ = !temperature
A+ ampere+ amp+ 安培 암페어 アンペア = !current
mol+ mole = !amount
bit+ b+ 位元 比特 비트 ビット = !data
turn rev revolution = !angle

km 公里 千米 킬로미터 キロメートル = 1000 m
cm 公分 釐米 厘米 센티미터 センチメートル センチ = m/100
mm 公釐 毫米 밀리미터 ミリメートル ミリ = m/1000
μm micron 微米 마이크로미터 = m/1000000
nm 奈米 纳米 나노미터 ナノメートル = m/1000000000
in inch inches 英寸 英吋 吋 인치 インチ = 0.0254 m
ft foot feet 英尺 英呎 呎 피트 フィート = 12 in
yd yard 碼 码 야드 ヤード = 3 ft
mi mile 英里 哩 마일 マイル = 5280 ft
nmi nautical_mile 海里 浬 해리 = 1852 m
mil thou = in/1000
fathom = 6 ft
furlong = 660 ft
angstrom Å = m/10000000000
au astronomical_unit 天文單位 天文单位 = 149597870700 m
ly light_year lightyear 光年 광년 = 9460730472580800 m
pc+ parsec+ 秒差距 = 648000/pi au
市尺 = 1/3 m
尺 台尺 日尺 자 척 = 10/33 m # 尺 is taken as in Japan, Taiwan and Korea (10/33 m); 市尺 is the mainland's (1/3 m)
寸 치 촌 = 尺/10 # 寸 is taken as in Japan, Taiwan and Korea (1/33 m); 市寸 is the mainland's (1/30 m)
市寸 = 市尺/10
丈 장 = 10 尺 # 丈 is taken as in Japan, Taiwan and Korea (100/33 m); 市丈 is the mainland's (10/3 m)
市丈 = 10 市尺
間 칸 = 6 尺
町 = 360 尺
里 市里 华里 華里 = 500 m # 里 is taken as China's (500 m); Japan's is 日里, Korea's 리
日里 = 12960 尺
리 조선리 = 1296 尺

g+ gram+ gramme+ 克 公克 그램 グラム = kg/1000
mg 毫克 밀리그램 ミリグラム = g/1000
t+ tonne 公噸 吨 公吨 噸 톤 トン = 1000 kg
lb lbs pound 磅 파운드 ポンド = 0.45359237 kg
oz ounce 盎司 온스 オンス = lb/16
st stone = 14 lb
ton short_ton = 2000 lb # ton is the US short ton (2000 lb); the metric one is `t` or `tonne`
long_ton = 2240 lb
gr grain = lb/7000
ct carat 克拉 캐럿 カラット = 0.2 g
oz_t troy_ounce ozt = 31.1034768 g
u Da dalton = 1.66053906892e-27 kg
斤 市斤 = 500 g # 斤 is taken as the mainland's (500 g); Taiwan's and Japan's is 台斤 (600 g), Korea's 근 (600 g)
台斤 근 = 600 g
两 市两 = 50 g # 两 is the mainland's (50 g); 兩 is Taiwan's (37.5 g)
兩 台兩 냥 = 37.5 g # 兩 is taken as Taiwan's (37.5 g); the mainland's is 两 (50 g)
錢 돈 匁 = 3.75 g
钱 = 5 g
貫 관 = 3.75 kg
擔 担 = 50 kg

min minute 分 分鐘 分钟 분 = 60 s
h hr hour 小時 小时 時間 시간 鐘頭 钟头 = 60 min
d day 天 日 일 = 24 h
week wk 週 周 주 週間 星期 주일 = 7 d
month mo 個月 个月 개월 ヶ月 = 365.2425/12 d # a month is taken as a twelfth of 365.2425 days
year yr 年 년 = 365.2425 d # a year is taken as 365.2425 days; for dates use the skill `time`
decade = 10 year
century = 100 year

°C degC celsius centigrade C 攝氏度 摄氏度 攝氏 섭씨 = K
°F degF fahrenheit F 華氏度 华氏度 華氏 화씨 = 5/9 K
Δ°C deltaC = K
Δ°F deltaF = 5/9 K
°R rankine = 5/9 K

are = 100 m^2
ha hectare 公頃 公顷 헥타르 ヘクタール = 10000 m^2
acre 英畝 英亩 에이커 エーカー = 43560 ft^2
m² 平米 平方公尺 제곱미터 平方メートル 平方米 = m^2
坪 평 = 400/121 m^2
帖 畳 疊 = 1.62 m^2 # a mat is taken as 1.62 m², as in Japanese property listings
甲 = 2934 坪
亩 畝 市亩 = 2000/3 m^2 # 亩 is the mainland's (2000/3 m²); Japan's 畝 (30 坪) is 日畝
日畝 = 30 坪
反 段 단보 = 300 坪
町歩 정보 = 3000 坪
頃 顷 = 100 亩

L+ l+ liter+ litre+ 公升 리터 リットル = m^3/1000
mL 毫升 밀리리터 ミリリットル = L/1000
cc = cm^3
gal gallon 加侖 加仑 갤런 ガロン = 231 in^3
qt quart = gal/4
pt pint = gal/8
cup 컵 = gal/16 # a cup is the US one (236.588 mL)
floz fl_oz fluid_ounce = gal/128
tbsp tablespoon = gal/256
tsp teaspoon = gal/768
imperial_gallon imp_gal = 4.54609 L
imperial_pint imp_pint = imperial_gallon/8
bbl barrel 桶 배럴 バレル = 42 gal
升 市升 = L # 升 is taken as the mainland's (1 L); Japan's is 日升 (1.8039 L), Korea's 되
日升 되 = 2401/1331 L
合 홉 = 日升/10
斗 말 = 10 日升
石 섬 = 100 日升

mph = mi/h
kph kmh = km/h
kn knot kt 節 节 노트 ノット = nmi/h
fps = ft/s
c lightspeed = 299792458 m/s

N+ newton+ 牛頓 牛顿 뉴턴 = kg m/s^2
kgf kilogram_force = 9.80665 N
lbf pound_force = 0.45359237*9.80665 N
dyn dyne = N/100000
Nm = N m
J+ joule+ 焦耳 줄 ジュール = N m
eV+ = 1.602176634e-19 J
cal+ calorie+ 卡 칼로리 カロリー = 4.184 J
kcal Cal 大卡 千卡 킬로칼로리 キロカロリー = 4184 J
Wh+ = W h
kWh kwh 度電 度电 = 1000 W h
BTU Btu btu = 1055.05585262 J
therm = 100000 BTU
erg = J/10000000
W+ watt+ 瓦 瓦特 와트 ワット = J/s
kW 千瓦 킬로와트 キロワット = 1000 W
MW 兆瓦 = 1000000 W
hp horsepower = 550 ft lbf/s # hp is the mechanical one (745.7 W); the metric one is PS
PS 馬力 马力 마력 = 75 kgf m/s
Pa+ pascal+ 帕 帕斯卡 파스칼 パスカル = N/m^2
hPa 百帕 헥토파스칼 ヘクトパスカル = 100 Pa
bar+ = 100000 Pa
atm 大氣壓 大气压 기압 気圧 = 101325 Pa
psi = lbf/in^2
mmHg = 133.322387415 Pa
torr = 101325/760 Pa
inHg = 25.4 mmHg
Hz+ hertz+ 赫茲 赫兹 헤르츠 ヘルツ = 1/s
rpm = 1/min

V+ volt+ 伏特 볼트 ボルト = W/A
Ω+ ohm+ 歐姆 欧姆 옴 オーム = V/A
coulomb+ = A s
farad+ = coulomb/V
Ah+ = A h

B+ byte+ 位元組 字節 字节 바이트 バイト = 8 bit
KB = 1000 B # KB is taken as 1000 bytes; 1024 bytes are KiB
bps+ = bit/s
Mbps = 1000000 bit/s

deg degree ° = turn/360
rad+ radian+ = turn/(2 pi)
gon grad = turn/400
arcmin = deg/60
arcsec = deg/3600

mpg = mi/gal
"""

PREFIXES = {
    "Q": 30, "R": 27, "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "μ": -6, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}
LONG_PREFIXES = {
    "quetta": 30, "ronna": 27, "yotta": 24, "zetta": 21, "exa": 18, "peta": 15, "tera": 12, "giga": 9, "mega": 6,
    "kilo": 3, "hecto": 2, "deca": 1, "deci": -1, "centi": -2, "milli": -3, "micro": -6, "nano": -9, "pico": -12,
    "femto": -15,
}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60, "Zi": 70, "Yi": 80}
LONG_BINARY = {"kibi": 10, "mebi": 20, "gibi": 30, "tebi": 40, "pebi": 50, "exbi": 60}
# What stands before a unit and means its square or cube.
POWERS = {"平方": 2, "제곱": 2, "sq": 2, "立方": 3, "세제곱": 3, "cu": 3}

# Scales whose zero is not nothing: how many kelvin lie below it.
OFFSETS = {"°C": Fraction("273.15"), "°F": Fraction("459.67") * 5 / 9}


class Unit:
    """A unit as it was asked for: what one of it is, in base units, and the name to show."""

    __slots__ = ("name", "typed", "definition", "scale", "power", "note")

    def __init__(self, name, typed, definition, scale=Fraction(1), power=1, note=None):
        self.name, self.typed, self.definition = name, typed, definition
        self.scale, self.power, self.note = scale, power, note


def _read():
    known, folded = {}, {}
    for line in TABLE.strip().splitlines():
        if not line:
            continue
        names, _, rest = line.partition(" = ")
        definition, _, note = rest.partition(" # ")
        names = names.split()
        first = names[0].rstrip("+")
        for name in names:
            prefixed = name.endswith("+")
            name = name.rstrip("+")
            known[name] = (first, definition.strip(), note or None, prefixed)
            folded.setdefault(name.lower(), name)
    return known, folded


_KNOWN, _FOLDED = _read()


def find(word):
    """The unit that a word means; `None` when it means none."""
    found = _find(word)
    if found is None and word.isascii() and (len(word) > 2 or (len(word) == 2 and word.isupper())):
        # Long names in any case, plurals, and slips such as KM.
        lower = word.lower()
        for guess in (lower, lower[:-1] if lower.endswith("s") else lower, lower[:-2] if lower.endswith("es") else lower):
            if guess in _FOLDED:
                return _find(_FOLDED[guess])
            found = _find(guess) if len(guess) > 1 else None
            if found is not None:
                return found
    return found


def _find(word):
    if word in _KNOWN:
        first, definition, note, _ = _KNOWN[word]
        return Unit(first, word, definition, note=note)
    for prefixes, base in ((BINARY, 2), (LONG_BINARY, 2), (LONG_PREFIXES, 10), (PREFIXES, 10)):
        for prefix, exponent in prefixes.items():
            rest = word[len(prefix):]
            if word.startswith(prefix) and rest in _KNOWN and _KNOWN[rest][3]:
                if base == 2 and not _KNOWN[rest][1].endswith(("bit", "!data")):
                    continue
                first, definition, note, _ = _KNOWN[rest]
                short = next(key for key, value in (BINARY if base == 2 else PREFIXES).items() if value == exponent)
                return Unit(short + first, word, definition, Fraction(base) ** exponent, note=note)
    for prefix, power in POWERS.items():
        if word.startswith(prefix) and len(word) > len(prefix):
            inner = find(word[len(prefix):])
            if inner is not None and inner.power == 1:
                return Unit(inner.name, word, inner.definition, inner.scale, power, inner.note)
    return None
