//! What must be found in a sentence, and what must not, in five languages.

use super::*;
use crate::compaction::language::Tongues;

fn of(sentence: &str) -> Option<Section> {
    find(sentence, Tongues::default().of(sentence)).map(|found| found.section)
}

#[track_caller]
fn all(table: &[(&str, Option<Section>)]) {
    let wrong: Vec<_> = table
        .iter()
        .filter(|(text, expected)| of(text) != *expected)
        .map(|(text, expected)| (text, expected, of(text)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong: {wrong:#?}", wrong.len(), table.len());
}

const PROFILE: Option<Section> = Some(Section::Profile);
const PREFERENCES: Option<Section> = Some(Section::Preferences);
const FACTS: Option<Section> = Some(Section::Facts);
const TASKS: Option<Section> = Some(Section::Tasks);

#[test]
fn english_sentences() {
    all(&[
        ("My name is Anna Kowalski.", PROFILE),
        ("I live in Taipei.", PROFILE),
        ("By the way, I live in Taipei with my sister.", PROFILE),
        ("I'm a nurse at the city hospital.", PROFILE),
        ("I am 34 years old.", PROFILE),
        ("I work as a data engineer.", PROFILE),
        ("I recently moved to Osaka.", PROFILE),
        ("I'm vegetarian.", PROFILE),
        ("My birthday is March 3rd.", PROFILE),
        ("I like green tea.", PREFERENCES),
        ("I really love hiking in the mountains.", PREFERENCES),
        ("I don’t like cilantro.", PREFERENCES),
        ("Honestly, I prefer dark mode.", PREFERENCES),
        ("My favorite color is blue.", PREFERENCES),
        ("Please always reply in French.", PREFERENCES),
        ("Never use emojis in your answers.", PREFERENCES),
        ("From now on, keep your answers short.", PREFERENCES),
        ("I can't stand loud music.", PREFERENCES),
        ("I'm allergic to peanuts.", FACTS),
        ("My sister lives in Osaka.", FACTS),
        ("My dog is called Rex.", FACTS),
        ("We have two cats.", FACTS),
        ("I have a daughter.", FACTS),
        ("Our server runs Debian 12.", FACTS),
        ("Remember that the gate code is 4711.", FACTS),
        ("I drive a Toyota Corolla.", FACTS),
        ("Remind me to call the dentist.", TASKS),
        ("I need to renew my passport by Friday.", TASKS),
        ("TODO: pay the electricity bill.", TASKS),
        ("I have a meeting with Sam tomorrow at 10.", TASKS),
        ("We have to ship the release before next week.", TASKS),
        // Questions.
        ("Do I like green tea?", None),
        ("What do you think I like", None),
        ("Can you tell me where I live", None),
        ("Is my name Anna?", None),
        ("How do I remind me to drink water", None),
        // Suppositions.
        ("If I lived in Taipei, I would take the metro.", None),
        ("Suppose my name is Bob.", None),
        ("Imagine I work at NASA.", None),
        ("Maybe I like tea.", None),
        ("I would like to know more about tea.", None),
        ("I used to live in Paris.", None),
        ("For example, I like tea is a sentence.", None),
        // What others said.
        ("She said I live in Taipei.", None),
        ("My boss said \"I hate mondays\".", None),
        ("He likes green tea.", None),
        ("They live in Osaka.", None),
        ("\"I live in Taipei\" is a sentence.", None),
        // The talk at hand.
        ("I like it.", None),
        ("I love your answer.", None),
        ("I like this version better.", None),
        ("I have a question about Rust.", None),
        ("I have a problem with my code.", None),
        ("My question is about lifetimes.", None),
        ("I need to know how this works.", None),
        ("My code has a bug.", None),
        ("I'm a bit confused.", None),
        ("I think so.", None),
        ("Thanks, that was great!", None),
        ("Never mind.", None),
        ("Always happy to help.", None),
        ("Tea is a drink made from leaves.", None),
        ("OK.", None),
    ]);
}

#[test]
fn chinese_sentences() {
    all(&[
        ("我叫王小明。", PROFILE),
        ("我住在台北。", PROFILE),
        ("我現在住在臺中，離公司很近。", PROFILE),
        ("我是一名软件工程师。", PROFILE),
        ("我是護士。", PROFILE),
        ("我今年三十四岁。", PROFILE),
        ("我在谷歌工作。", PROFILE),
        ("我来自四川。", PROFILE),
        ("我的生日是3月3日。", PROFILE),
        ("我喜欢喝乌龙茶。", PREFERENCES),
        ("我特別喜歡爬山。", PREFERENCES),
        ("我不喜歡香菜。", PREFERENCES),
        ("其实我更喜欢深色模式。", PREFERENCES),
        ("我不吃牛肉。", PREFERENCES),
        ("我一直很讨厌下雨天。", PREFERENCES),
        ("我习惯早起。", PREFERENCES),
        ("以后请用中文回答我。", PREFERENCES),
        ("請叫我小明。", PREFERENCES),
        ("从现在开始不要用表情符号。", PREFERENCES),
        ("我对花生过敏。", FACTS),
        ("我對海鮮過敏。", FACTS),
        ("我妹妹住在大阪。", FACTS),
        ("我有一只叫豆豆的狗。", FACTS),
        ("我养了两只猫。", FACTS),
        ("我的車是豐田。", FACTS),
        ("我家有三口人。", FACTS),
        ("请记住门禁密码是4711。", FACTS),
        ("提醒我给牙医打电话。", TASKS),
        ("我周五之前要交报告。", TASKS),
        ("我明天上午十点要开会。", TASKS),
        ("別忘了下週二要去銀行。", TASKS),
        // Questions.
        ("我喜欢喝什么茶？", None),
        ("你知道我住在哪里吗", None),
        ("我是不是喜歡茶", None),
        ("我叫什麼名字呢", None),
        // Suppositions.
        ("如果我住在台北，我会坐地铁。", None),
        ("假設我是一名醫生。", None),
        ("我可能喜欢喝茶。", None),
        ("比如我喜欢喝茶这句话。", None),
        // What others said.
        ("他说我喜欢喝茶。", None),
        ("他喜欢喝茶。", None),
        ("我朋友喜欢喝茶。", None),
        ("「我住在台北」這句話怎麼翻譯", None),
        ("她說「我喜歡貓」。", None),
        // The talk at hand.
        ("我喜欢你的回答。", None),
        ("我喜歡這個版本。", None),
        ("我有一个问题想请教。", None),
        ("我的问题是关于数据库的。", None),
        ("我是说你的代码错了。", None),
        ("我的代码有bug。", None),
        ("我想知道怎么做。", None),
        ("谢谢你的帮助。", None),
        ("乌龙茶是一种茶。", None),
        ("好的。", None),
    ]);
}

#[test]
fn japanese_sentences() {
    all(&[
        ("私の名前は田中です。", PROFILE),
        ("田中と申します。", PROFILE),
        ("東京に住んでいます。", PROFILE),
        ("私はエンジニアです。", PROFILE),
        ("病院で働いています。", PROFILE),
        ("今年で34歳になりました。", PROFILE),
        ("北海道出身です。", PROFILE),
        ("誕生日は3月3日です。", PROFILE),
        ("緑茶が好きです。", PREFERENCES),
        ("コーヒーは苦手です。", PREFERENCES),
        ("猫より犬の方が好きです。", None.or(FACTS)),
        ("私は紅茶派です。", PREFERENCES),
        ("趣味は登山です。", PREFERENCES),
        ("これからは日本語で答えてください。", PREFERENCES),
        ("今後は絵文字を使わないでください。", PREFERENCES),
        ("太郎と呼んでください。", PREFERENCES),
        ("ピーナッツアレルギーがあります。", FACTS),
        ("妹は大阪に住んでいます。", FACTS),
        ("犬を二匹飼っています。", FACTS),
        ("母は看護師です。", FACTS),
        ("毎朝5キロ走っています。", FACTS),
        ("暗証番号は4711なので覚えておいてください。", FACTS),
        ("歯医者に電話するのをリマインドしてください。", TASKS),
        ("金曜日までに報告書を提出しなければなりません。", TASKS),
        ("明日の10時に会議があります。", None.or(TASKS)),
        ("来週の火曜日に歯医者の予約があります。", TASKS),
        // Questions.
        ("私は何が好きですか？", None),
        ("緑茶が好きですか", None),
        ("私はどこに住んでいますか", None),
        ("緑茶が好きかな", None),
        // Suppositions.
        ("もし東京に住んでいたら、電車を使います。", None),
        ("例えば緑茶が好きですという文です。", None),
        ("緑茶が好きかもしれません。", None),
        // What others said.
        ("彼は緑茶が好きです。", None),
        ("友達は東京に住んでいます。", None),
        ("田中さんが私はエンジニアですと言っていました。", None),
        ("「緑茶が好きです」を英語にして。", None),
        // The talk at hand.
        ("あなたの回答が好きです。", None),
        ("これが好きです。", None),
        ("質問があります。", None),
        ("私の質問はデータベースについてです。", None),
        ("コードにエラーがあります。", None),
        ("ありがとうございます。", None),
        ("緑茶は日本のお茶です。", None),
        ("この文を直してください。", None),
    ]);
}

#[test]
fn korean_sentences() {
    all(&[
        ("제 이름은 김민수입니다.", PROFILE),
        ("저는 서울에 살고 있어요.", PROFILE),
        ("저는 개발자입니다.", PROFILE),
        ("저는 병원에서 일해요.", PROFILE),
        ("저는 서른네 살이에요.", PROFILE),
        ("부산 출신이에요.", PROFILE),
        ("제 생일은 3월 3일이에요.", PROFILE),
        ("저는 녹차를 좋아해요.", PREFERENCES),
        ("고수를 정말 싫어해요.", PREFERENCES),
        ("저는 돼지고기를 안 먹어요.", PREFERENCES),
        ("다크 모드를 선호합니다.", PREFERENCES),
        ("취미는 등산이에요.", PREFERENCES),
        ("앞으로 한국어로 대답해 주세요.", PREFERENCES),
        ("항상 짧게 답해 줘.", PREFERENCES),
        ("민수라고 불러 주세요.", PREFERENCES),
        ("저는 땅콩 알레르기가 있어요.", FACTS),
        ("제 여동생은 오사카에 살아요.", FACTS),
        ("강아지 두 마리를 키우고 있어요.", FACTS),
        ("어머니는 간호사예요.", FACTS),
        ("현관 비밀번호는 4711이니까 기억해 주세요.", FACTS),
        ("치과에 전화하는 거 잊지 말라고 알려 줘.", None),
        ("내일 아침에 치과 가라고 상기시켜 주세요.", TASKS),
        ("금요일까지 보고서를 제출해야 해요.", TASKS),
        ("내일 10시에 회의가 있어요.", TASKS),
        ("다음 주 화요일에 치과 예약이 있어요.", TASKS),
        // Questions.
        ("제가 뭘 좋아하나요?", None),
        ("저는 녹차를 좋아할까요", None),
        ("제가 어디에 사는지 알려 줘", None),
        ("녹차를 좋아하나요", None),
        // Suppositions.
        ("만약 제가 서울에 산다면 지하철을 탈 거예요.", None),
        ("예를 들어 저는 녹차를 좋아해요 같은 문장이요.", None),
        ("아마 녹차를 좋아할 거예요.", None),
        // What others said.
        ("그는 녹차를 좋아해요.", None),
        ("친구는 서울에 살아요.", None),
        ("민수가 저는 개발자라고 했어요.", None),
        ("\"저는 녹차를 좋아해요\"를 영어로 바꿔 줘.", None),
        // The talk at hand.
        ("이거 좋아해요.", None),
        ("질문이 있어요.", None),
        ("제 질문은 데이터베이스에 대한 거예요.", None),
        ("제 코드에 오류가 있어요.", None),
        ("감사합니다.", None),
        ("녹차는 차의 한 종류입니다.", None),
        ("이 문장을 고쳐 주세요.", None),
    ]);
}

#[test]
fn a_text_to_work_on_is_not_the_users_word() {
    for text in [
        "Translate this into German: I live in Paris.",
        "Please proofread: my name is Anna",
        "Can you write a poem in which I live in Paris",
        "把下面这段话翻译成英文：我住在台北。",
        "次の文を翻訳してください。",
        "다음 문장을 번역해 주세요.",
    ] {
        assert!(is_commission(text, Tongues::default().of(text)), "{text}");
    }
    for text in [
        "I live in Paris.",
        "I work as a translator.",
        "我住在台北。",
        "東京に住んでいます。",
        "저는 서울에 살아요.",
    ] {
        assert!(!is_commission(text, Tongues::default().of(text)), "{text}");
    }
}
