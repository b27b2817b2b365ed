//! Invented messages whose words are as frequent as those of real ones: what a search costs depends on nothing else.

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
/// What follows a word, or stands between two, in Japanese; as frequent as their order says.
const JAPANESE_LINKS: &str = "の に は を が と で も から まで です ます した する して いる ある ない こと これ それ よう など へ や という ので \
    けど でした ました ません たい れる られる てください でしょう";
const KOREAN_LINKS: &str = "을 를 이 가 은 는 에 에서 의 로 으로 와 과 도 하고 했습니다 합니다 하는 해서 입니다 까지 부터 에게 만 이다 했어요 해요 한 할 \
    되는 됩니다";
const CHINESE_WORDS: &str = "的 是 了 在 我 不 有 他 这 和 就 你 要 会 也 说 到 都 很 去 吗 还 把 能 没有 可以 什么 一个 我们 他们 自己 因为 所以 但是 如果 \
    知道 时候 现在 今天 明天 觉得 一下 怎么 已经 需要 问题 时间";

/// Splitmix64 (public domain, Vigna 2015).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `end` ranks, the first the most frequent: about Zipf's law.
    pub(crate) fn zipf(&mut self, end: usize) -> usize {
        ((end as f64 + 1.0).powf(self.unit()) - 1.0) as usize
    }
}

/// Words of four languages. Those beyond the lists are made up of characters or syllables by their rank, always the same.
pub(crate) struct Words {
    english: Vec<&'static str>,
    chinese: Vec<&'static str>,
    japanese_links: Vec<&'static str>,
    korean_links: Vec<&'static str>,
}

impl Words {
    pub(crate) fn new() -> Self {
        Self {
            english: ENGLISH.split_whitespace().collect(),
            chinese: CHINESE_WORDS.split_whitespace().collect(),
            japanese_links: JAPANESE_LINKS.split_whitespace().collect(),
            korean_links: KOREAN_LINKS.split_whitespace().collect(),
        }
    }

    pub(crate) fn text(&self, random: &mut Random, language: usize, words: usize, out: &mut String) {
        for at in 0..words {
            match language {
                0 => {
                    self.english(random.zipf(40_000), out);
                    out.push(' ');
                }
                1 => {
                    self.chinese(random.zipf(40_000), out);
                    if at % 8 == 7 {
                        out.push('，');
                    }
                }
                2 => {
                    japanese(random.zipf(30_000), out);
                    out.push_str(pick(&self.japanese_links, random));
                    if at % 6 == 5 {
                        out.push('。');
                    }
                }
                _ => {
                    korean(random.zipf(30_000), out);
                    out.push_str(pick(&self.korean_links, random));
                    out.push(' ');
                }
            }
        }
    }

    /// Beyond the list: two of it in one, or a number.
    fn english(&self, rank: usize, out: &mut String) {
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

    fn chinese(&self, rank: usize, out: &mut String) {
        match self.chinese.get(rank) {
            Some(word) => out.push_str(word),
            None => ideographs(rank, 3000, out),
        }
    }
}

fn pick(links: &[&'static str], random: &mut Random) -> &'static str {
    links.get(random.zipf(links.len())).copied().unwrap_or_default()
}

/// A word of two ideographs, of which some stand in many words.
fn ideographs(rank: usize, end: usize, out: &mut String) {
    let mut random = Random(rank as u64);
    for _ in 0..2 {
        let at = random.zipf(end).max(random.zipf(end));
        out.extend(char::from_u32(0x4e00 + (at * 7 % 20_000) as u32));
    }
}

fn japanese(rank: usize, out: &mut String) {
    let mut random = Random(rank as u64 ^ 0xAAAA);
    match rank % 4 {
        // A verb or an adverb.
        0 => out.extend((0..2 + rank % 2).filter_map(|_| char::from_u32(0x3042 + random.below(80) as u32))),
        // A foreign word.
        1 => out.extend((0..3 + rank % 3).filter_map(|_| char::from_u32(0x30a2 + random.below(80) as u32))),
        _ => ideographs(rank + 100_000, 2000, out),
    }
}

fn korean(rank: usize, out: &mut String) {
    let mut random = Random(rank as u64 ^ 0x5555);
    // About eight hundred syllables are in use, some in many words.
    let syllable =
        |random: &mut Random| char::from_u32(0xac00 + (random.zipf(800).max(random.zipf(800)) * 13) as u32);
    out.extend((0..2 + rank % 2).filter_map(|_| syllable(&mut random)));
}
