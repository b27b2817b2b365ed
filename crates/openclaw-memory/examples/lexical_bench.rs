//! Size and speed of the lexical index over invented messages in four languages.
//!
//! `cargo run --release -p openclaw-memory --example lexical_bench -- [DIRECTORY] [DOCUMENTS…]`

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use openclaw_memory::engine::{DocKey, Filter, Lexical, NewDoc, Options, Query, RealFs, Space};

const ENGLISH: &str = "the of and to a in is it you that he was for on are with as his they be at one have this from or had \
    by hot but some what there we can out other were all your when up use word how said an each she which do their time if \
    will way about many then them would write like so these her long make thing see him two has look more day could go come \
    did my sound no most number who over know water than call first people may down side been now find any new work part \
    take get place made live where after back little only round man year came show every good me give our under name very \
    through just form great think say help low line before turn cause same mean differ move right boy old too does tell \
    sentence set three want air well also play small end put home read hand port large spell add even land here must big \
    high such follow act why ask men change went light kind off need house picture try us again animal point mother world \
    near build self earth father head stand own page should country found answer school grow study still learn plant cover \
    food sun four thought let keep eye never last door between city tree cross since hard start might story saw far sea draw \
    left late run while press close night real life few stop open seem together next white children begin got walk example \
    ease paper often always music those both mark book letter until mile river car feet care second group carry took rain \
    eat room friend began idea fish mountain north once base hear horse cut sure watch color face wood main enough plain \
    girl usual young ready above ever red list though feel talk bird soon body dog family direct pose leave song measure \
    state product black short numeral class wind question happen complete ship area half rock order fire south problem \
    piece told knew pass farm top whole king size heard best hour better true during hundred remember step early hold west \
    ground interest reach fast five sing listen six table travel less morning ten simple several vowel toward war lay \
    against pattern slow center love person money serve appear road map science rule govern pull cold notice voice fall \
    power town fine certain fly unit lead cry dark machine note wait plan figure star box noun field rest correct able pound \
    done beauty drive stood contain front teach week final gave green quick develop sleep warm free minute strong special \
    mind behind clear tail produce fact street inch lot nothing course stay wheel full force blue object decide surface deep";
const CHINESE: &str = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔茶";
const JAPANESE_WORDS: &str = "これ それ あれ わたし あなた です ます でした ました する した して から まで ので けれど とても すこし \
    明日 今日 昨日 時間 会議 予定 旅行 料理 仕事 学校 電車 天気 写真 音楽 映画 友達 家族 東京 大阪 京都 日本 世界 問題 質問 返事 約束 \
    買い物 食べる 飲む 行く 来る 見る 読む 書く 話す 聞く 思う 考える 忘れる 覚える 新しい 古い 大きい 小さい 高い 安い コーヒー パソコン \
    インターネット メール レストラン ホテル チケット プログラム データ システム ユーザー を に が は の も と で へ や";
const KOREAN_WORDS: &str = "나는 너는 우리는 그는 그녀는 이것은 그것은 사람이 시간이 오늘은 내일은 어제는 회의가 약속을 여행을 음식을 \
    학교에 회사에서 집으로 서울에서 부산까지 친구와 가족과 함께 좋아합니다 싫어합니다 갑니다 옵니다 먹었습니다 마셨습니다 읽었습니다 썼습니다 \
    말했습니다 생각합니다 기억합니다 잊어버렸어요 새로운 오래된 커다란 작은 비싼 저렴한 아름다운 맛있는 커피를 컴퓨터를 인터넷에서 영화를 음악을 \
    사진을 책을 편지를 전화를 문제가 질문이 대답을 날씨가 그리고 그러나 그래서 하지만 매우 조금 많이 항상 가끔 다시";

/// Splitmix64 (public domain, Vigna 2015).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `end` ranks, the first the most frequent: about Zipf's law.
    fn zipf(&mut self, end: usize) -> usize {
        ((end as f64 + 1.0).powf(self.unit()) - 1.0) as usize
    }
}

struct Words {
    english: Vec<&'static str>,
    chinese: Vec<char>,
    japanese: Vec<&'static str>,
    korean: Vec<&'static str>,
}

impl Words {
    fn new() -> Self {
        Self {
            english: ENGLISH.split_whitespace().collect(),
            chinese: CHINESE.chars().collect(),
            japanese: JAPANESE_WORDS.split_whitespace().collect(),
            korean: KOREAN_WORDS.split_whitespace().collect(),
        }
    }

    /// An English word beyond the list: two of it in one, or a number.
    fn english(&self, random: &mut Random, out: &mut String) {
        let rank = random.zipf(40_000);
        let count = self.english.len();
        match self.english.get(rank) {
            Some(word) => out.push_str(word),
            None if rank.is_multiple_of(16) => out.push_str(&rank.to_string()),
            None => {
                out.push_str(self.english.get(rank % count).copied().unwrap_or_default());
                out.push_str(self.english.get(rank / count).copied().unwrap_or_default());
            }
        }
    }

    fn text(&self, random: &mut Random, language: usize, words: usize, out: &mut String) {
        for at in 0..words {
            match language {
                0 => {
                    self.english(random, out);
                    out.push(' ');
                }
                1 => {
                    // Words of two characters, each with the same few successors.
                    let first = random.zipf(self.chinese.len());
                    let second = (first * 31 + 7 * random.zipf(12)) % self.chinese.len();
                    out.extend([first, second].iter().filter_map(|rank| self.chinese.get(*rank)));
                    if at % 6 == 5 {
                        out.push(',');
                    }
                }
                2 => compound(&self.japanese, random, out),
                _ => {
                    compound(&self.korean, random, out);
                    out.push(' ');
                }
            }
        }
    }
}

/// A word of the list, or beyond its end two in one.
fn compound(words: &[&'static str], random: &mut Random, out: &mut String) {
    let rank = random.zipf(8000);
    let count = words.len();
    if rank >= count {
        out.push_str(words.get(rank / count).copied().unwrap_or_default());
    }
    out.push_str(words.get(rank % count).copied().unwrap_or_default());
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Processor time of this thread: on a busy machine the clock on the wall says little.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .map_or_else(String::new, |kib| format!("{} MiB", kib >> 10))
}

fn build(dir: &Path, documents: u64, words: &Words) -> Result<(Lexical, u64), Box<dyn Error>> {
    let index = Lexical::create(Arc::new(RealFs), dir, Options::default())?;
    let mut random = Random(documents);
    let mut text = String::new();
    let mut bytes = 0;
    let stop = AtomicBool::new(false);
    for major in 1..=documents {
        text.clear();
        // A conversation keeps its language; about twenty run side by side.
        let conversation = major / 400 * 20 + random.next() % 20;
        let words_of_it = 4 + random.zipf(60);
        words.text(&mut random, (conversation % 4) as usize, words_of_it, &mut text);
        bytes += text.len() as u64;
        let id = format!("conv_{conversation}");
        let doc = NewDoc {
            key: DocKey { space: Space::Log, major, minor: 0 },
            text: &text,
            time_ms: 1_700_000_000_000 + major as i64 * 20_000 + random.below(20_000) as i64,
            kind: (random.below(2)) as u8,
            importance: 0,
            place: bytes as u32,
            conversation: id.as_bytes(),
            channel: if conversation.is_multiple_of(5) { b"telegram" } else { b"api" },
            previous: Some(major.saturating_sub(1 + random.next() % 20)),
        };
        index.add(&[doc], major)?;
        if index.flush_is_due() {
            while index.maintain(&stop)? {}
        }
    }
    index.flush()?;
    while index.maintain(&stop)? {}
    Ok((index, bytes))
}

fn measure(index: &Lexical, documents: u64, words: &Words) -> Result<(), Box<dyn Error>> {
    let last = 1_700_000_000_000 + documents as i64 * 20_000;
    let week = Some(last - 7 * 86_400_000);
    let filters = [
        ("no filter", Filter::default()),
        ("since a week ago", Filter { since_ms: week, ..Filter::default() }),
        ("until a week ago", Filter { until_ms: week, ..Filter::default() }),
        ("one channel", Filter { channel: Some(b"telegram"), ..Filter::default() }),
        ("one kind", Filter { kinds: &[1], ..Filter::default() }),
        ("one conversation", Filter { conversation: Some(b"conv_7"), ..Filter::default() }),
    ];
    for (name, filter) in filters {
        let mut random = Random(99);
        let (mut times, mut processor) = (Vec::new(), Vec::new());
        let mut slowest = (Duration::ZERO, String::new());
        for number in 0..400 {
            let mut text = String::new();
            let count = 2 + random.below(9);
            words.text(&mut random, number % 4, count, &mut text);
            let query = Query { text: &text, filter, limit: 10, count_to: 1000 };
            let (begun, used) = (Instant::now(), processor_time());
            index.search(&query, &AtomicBool::new(false))?;
            let took = begun.elapsed();
            times.push(took);
            processor.push(processor_time().saturating_sub(used));
            if took > slowest.0 {
                slowest = (took, text);
            }
        }
        let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
        let (cpu50, cpu99) = (percentile(&mut processor, 50), percentile(&mut processor, 99));
        println!(
            "  {name:18} p50 {p50:8.1?} p99 {p99:8.1?}, processor {cpu50:8.1?} {cpu99:8.1?}, slowest {:.1?} ({:.30})",
            slowest.0, slowest.1
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let base = PathBuf::from(arguments.next().unwrap_or_else(|| "target/lexical-bench".to_owned()));
    let mut sizes: Vec<u64> = arguments.map(|size| size.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    let words = Words::new();
    for documents in sizes {
        let dir = base.join(documents.to_string());
        let begun = Instant::now();
        let (index, text) = build(&dir, documents, &words)?;
        let took = begun.elapsed();
        let bytes = bytes_in(&dir);
        println!(
            "{documents} documents, {:.1} MB of text, index {:.1} MB ({:.1} %), {:?}",
            text as f64 / 1e6,
            bytes as f64 / 1e6,
            100.0 * bytes as f64 / text as f64,
            index.stats(),
        );
        println!(
            "  built in {took:.1?}: {:.0} documents/s; resident {}",
            documents as f64 / took.as_secs_f64(),
            resident()
        );
        drop(index);
        let begun = Instant::now();
        let index = Lexical::open(Arc::new(RealFs), &dir, Options::default())?;
        println!("  opened in {:.1?}", begun.elapsed());
        measure(&index, documents, &words)?;
        println!("  resident {}", resident());
    }
    Ok(())
}
