//! The words by which sentences give themselves away, language by language. Folded: lower case, straight apostrophes.

/// Lists of words, many to a line.
macro_rules! cues {
    ($($(#[$doc:meta])* $name:ident = $($cue:literal)+;)+) => {
        $($(#[$doc])* pub(super) const $name: &[&str] = &[$($cue),+];)+
    };
}

cues! {

    /// Asks, in English, when a sentence begins so.
    EN_ASKS = "what" "how" "why" "who" "whom" "whose" "where" "when" "which" "do i" "do you" "do we" "does" "did"
        "can" "could" "would" "should" "is" "are" "am i" "was" "were" "will" "may i" "shall" "have you" "has"
        "any idea" "tell me" "explain" "show me";

    /// Only supposes.
    EN_SUPPOSES = "if" "suppose" "supposing" "imagine" "assume" "assuming" "what if" "might" "maybe" "perhaps" "would"
        "could" "hypothetically" "for example" "e.g" "for instance" "let's say" "pretend" "i wish" "unless" "used to"
        "not sure" "as if" "wonder" "i'd be";

    /// Says what another said.
    EN_REPORTS = "said" "says" "told me" "according to" "claims" "asked me" "he " "she " "they " "someone" "somebody"
        "people say" "quote";

    /// Asks to work on a text: what follows is that text.
    EN_WORKS = "translate" "rewrite" "rephrase" "paraphrase" "proofread" "summarize" "summarise" "correct"
        "fix the grammar" "edit the following" "improve" "write a" "write an" "write me" "draft" "compose" "pretend"
        "act as" "roleplay" "role-play" "you are a" "imagine you" "complete the" "analyze" "analyse" "review";

    /// Words before what a clause really says.
    EN_FILLERS = "and" "but" "so" "also" "well" "yes" "yeah" "no" "oh" "ok" "okay" "actually" "honestly" "btw"
        "by the way" "fyi" "hi" "hello" "hey" "please note that" "note that" "as you know" "just so you know"
        "because" "since" "though" "plus" "thanks" "right" "sure" "basically" "personally" "anyway" "for context"
        "context" "for the record" "about me";

    /// Words inside of it that change nothing.
    EN_ADVERBS = "really" "also" "just" "usually" "actually" "still" "absolutely" "now" "currently" "mostly"
        "generally" "strongly" "personally" "do" "truly" "especially" "particularly" "definitely" "recently" "already"
        "both" "always" "typically" "simply" "totally" "only" "much";
    EN_PREFERS = "i like" "i love" "i prefer" "i hate" "i dislike" "i enjoy" "i adore" "i can't stand"
        "i cannot stand" "i don't like" "i don't enjoy" "i don't eat" "i don't drink" "i'd prefer" "i would prefer"
        "i'd rather" "i'm a fan of" "i'm a big fan of" "i'm not a fan of" "i am a fan of" "i'm into" "i'm fond of"
        "i never eat" "i never drink" "i can't eat" "my favorite" "my favourite" "i do not like" "i do not eat"
        "i do not drink" "i don't want you to" "i want you to always" "i want you to never" "i avoid";

    /// What is liked only in the talk at hand.
    EN_PASSING = "it" "this" "that" "your" "you" "the idea" "how you" "these" "those" "to ask" "to say" "to bother"
        "to know" "to see" "what you" "the way you" "the first" "the second" "the last";
    EN_PROFILE = "my name is" "my name's" "call me" "i live in" "i live at" "i live near" "i live with" "i'm from"
        "i am from" "i come from" "i work at" "i work for" "i work as" "i work in" "i work with" "i was born"
        "i grew up" "i moved to" "i've moved to" "i have moved to" "i study" "i studied" "i graduated" "i major in"
        "i speak" "i'm married" "i'm single" "i'm divorced" "i am married" "i teach" "i run a" "i own a company"
        "i'm based in" "i am based in" "i'm vegetarian" "i'm vegan" "i'm a vegetarian" "i'm a vegan" "i am vegetarian"
        "i am vegan" "i'm diabetic" "i'm left-handed" "i'm colour-blind" "i'm colorblind" "my birthday" "my job"
        "my occupation" "my age" "my hometown" "my native language" "my mother tongue" "my email" "my phone number"
        "my address" "my nationality" "my pronouns" "my profession" "my timezone" "my time zone" "i'm learning"
        "i am learning";

    /// What somebody is: `I'm a …`.
    EN_IS = "i'm a" "i'm an" "i am a" "i am an";

    /// … but not this.
    EN_IS_NOT = "bit" "little" "lot" "fan" "big fan" "idiot" "few" "couple" "fool";
    EN_FACTS = "i'm allergic" "i am allergic" "i have a" "i have an" "i have two" "i have three" "i have four" "i own"
        "i bought" "i drive" "i use" "we use" "i've been" "we have a" "we have two" "we live" "our" "my" "i have been"
        "i got a" "i adopted" "we moved" "i switched to" "i take" "i've got a" "i have diabetes" "i have asthma"
        "i run" "i play" "i married";

    /// What is had, or is mine, only in the talk at hand.
    EN_OWN_NOT = "question" "questions" "problem" "problems" "issue" "issues" "bug" "doubt" "idea" "feeling" "code"
        "guess" "point" "bad" "understanding" "suggestion" "request" "concern" "hunch" "goal" "god" "apologies"
        "mistake" "program" "script" "query" "function" "error" "output" "input" "test" "intention" "plan" "thought"
        "thoughts" "opinion" "impression" "previous" "last" "file" "string" "list" "array" "number" "variable" "look"
        "few" "lot" "bit" "hard time" "headache" "chance";

    /// Verbs by which a possession tells a fact.
    EN_FACT_VERBS = "is" "are" "was" "has" "have" "lives" "live" "works" "likes" "loves" "hates" "called" "named"
        "starts" "runs" "uses" "turns" "goes" "moved" "got" "plays" "speaks" "died" "prefers" "comes" "studies"
        "wants" "birthday" "needs";
    EN_RULES = "always" "never" "from now on" "going forward" "in the future" "in future" "please always"
        "please never" "don't ever" "please don't ever" "whenever you" "every time you" "whenever i";
    EN_RULE_VERBS = "reply" "answer" "respond" "use" "write" "call" "speak" "give" "keep" "format" "explain" "be"
        "add" "include" "send" "talk" "address" "show" "start" "end" "put" "make" "ask" "suggest" "recommend" "do"
        "mention" "quote" "cite";
    EN_REMEMBER = "remember that" "remember my" "remember i" "keep in mind that" "please remember" "don't forget that"
        "for future reference";
    EN_REMIND = "remind me" "please remind me" "set a reminder" "todo" "to-do" "add to my list" "add to my todo"
        "put on my list" "i need a reminder";
    EN_MUST = "i need to" "i have to" "i must" "i should" "i've got to" "i gotta" "we need to" "we have to" "we must"
        "i promised to" "i'm supposed to" "don't forget to" "remember to" "i have a meeting" "i have an appointment"
        "i have a flight" "i have an interview" "i have an exam" "my flight" "my appointment" "my interview" "my exam"
        "i'm meeting" "i'm flying" "the deadline" "my deadline" "our deadline" "the report is due" "i've to" "i need";
    EN_TIMES = "today" "tomorrow" "tonight" "monday" "tuesday" "wednesday" "thursday" "friday" "saturday" "sunday"
        "next week" "next month" "this week" "this weekend" "weekend" "end of the month" "end of the week"
        "this evening" "january" "february" "march" "april" "june" "july" "august" "september" "october" "november"
        "december" "due" "deadline" "noon" "midnight" "by may" "in may" "on may" "next year";

    /// Asks, in Chinese.
    ZH_ASKS = "吗" "嗎" "什么" "什麼" "甚麼" "怎么" "怎麼" "怎样" "怎樣" "如何" "为什么" "為什麼" "为何" "為何" "哪"
        "谁" "誰" "多少" "几点" "幾點" "是不是" "有没有" "有沒有" "能不能" "可不可以" "要不要" "会不会" "會不會"
        "好不好" "行不行" "对不对" "對不對" "是否" "呢";
    ZH_SUPPOSES = "如果" "要是" "假如" "假设" "假設" "倘若" "若是" "万一" "萬一" "比如" "例如" "譬如" "可能" "也许"
        "也許" "或许" "或許" "大概" "想象一下" "想像一下" "的话" "的話" "好像" "似乎" "不确定"
        "不確定";
    ZH_REPORTS = "说我" "說我" "他说" "他說" "她说" "她說" "有人说" "有人說" "据说" "據說" "听说" "聽說" "他们说"
        "他們說" "告诉我" "告訴我" "问我" "問我";
    ZH_WORKS = "翻译" "翻譯" "润色" "潤色" "改写" "改寫" "校对" "校對" "总结一下" "總結一下" "扮演" "假装" "假裝"
        "写一" "寫一" "写个" "寫個" "以下内容" "以下內容" "下面这段" "下面這段" "这段话" "這段話" "造句";
    ZH_ADVERBS = "特别" "特別" "非常" "比较" "比較" "一直" "平时" "平時" "平常" "真的" "从来" "從來" "从小" "從小"
        "其实" "其實" "个人" "個人" "一般" "通常" "总是" "總是" "现在" "現在" "目前" "今年" "还是" "還是" "已经"
        "已經" "很" "最" "更" "也" "都" "只" "还" "還" "就" "超" "挺" "蛮" "蠻" "太" "才" "刚" "剛" "们" "們" "最近"
        "本人" "是比较" "每天" "每周" "每週" "早上" "晚上" "经常" "經常" "常常" "常";
    ZH_PREFERS = "喜欢" "喜歡" "不喜欢" "不喜歡" "爱吃" "愛吃" "爱喝" "愛喝" "爱看" "愛看" "爱听" "愛聽" "爱用" "愛用"
        "爱" "愛" "不爱" "不愛" "偏爱" "偏愛" "偏好" "讨厌" "討厭" "受不了" "习惯" "習慣" "愿意" "願意" "宁愿" "寧願"
        "不吃" "不喝" "吃素" "怕辣" "迷上" "热爱" "熱愛" "偏向" "倾向" "傾向" "的爱好" "的愛好" "的兴趣" "的興趣"
        "的偏好" "的最爱" "的最愛" "不能吃" "不敢吃" "喝茶" "不想";

    /// What follows when only something in the talk at hand is meant.
    ZH_PASSING = "你" "您" "这" "這" "那" "它" "上面" "刚才" "剛才";
    ZH_PROFILE = "叫" "名叫" "姓" "的名字" "住" "来自" "來自" "出生" "的生日" "生日" "毕业" "畢業" "的职业" "的職業"
        "的工作是" "老家" "的母语" "的母語" "会说" "會說" "属" "屬" "单身" "單身" "结婚了" "結婚了" "已婚" "的电话"
        "的電話" "的邮箱" "的信箱" "的电子邮件" "的電子郵件" "的地址" "的手机" "的手機" "搬到" "搬去" "做" "从事"
        "從事" "学" "學" "正在学" "正在學" "主修" "就读" "就讀" "的专业" "的專業";

    /// `我是…` with one of these tells who somebody is.
    ZH_BEING = "人" "师" "師" "学生" "學生" "员" "員" "家" "者" "经理" "經理" "医" "醫" "程序" "程式" "开发" "開發"
        "工程" "教授" "老师" "老師" "妈" "媽" "爸" "律" "设计" "設計" "素食" "左撇子" "色盲" "单亲" "獨生" "独生"
        "研究" "创始" "創始" "老板" "老闆" "护士" "護士" "司机" "司機" "会计" "會計" "编辑" "編輯" "博士" "硕士"
        "碩士" "ceo" "cto" "型血" "座" "岁" "歲";
    ZH_KIN = "妹妹" "姐姐" "哥哥" "弟弟" "妈妈" "媽媽" "爸爸" "母亲" "母親" "父亲" "父親" "老婆" "太太" "妻子" "老公"
        "丈夫" "先生" "儿子" "兒子" "女儿" "女兒" "孩子" "爷爷" "爺爺" "奶奶" "外婆" "外公" "家人" "男朋友" "女朋友"
        "男友" "女友" "室友" "狗" "猫" "貓" "公司" "团队" "團隊" "老板" "老闆" "同事" "家" "车" "車";
    ZH_KIN_VERBS = "是" "叫" "在" "有" "住" "喜欢" "喜歡" "讨厌" "討厭" "对" "對" "今年" "用" "养" "養" "不吃" "爱"
        "愛" "的" "会" "會" "姓" "生" "属" "屬";
    ZH_OWN_NOT = "问题" "問題" "意思" "想法" "理解" "代码" "代碼" "程序" "程式" "疑问" "疑問" "建议" "建議" "目的"
        "需求" "要求" "看法" "观点" "觀點" "错" "錯" "bug" "计划" "計劃" "请求" "請求" "感觉" "感覺";
    ZH_FACTS = "有一" "有两" "有兩" "有三" "有个" "有個" "有只" "有隻" "养了" "養了" "养" "養" "买了" "買了" "开一辆"
        "開一輛" "用的是" "使用" "用" "患有" "得了" "换了" "換了" "订了" "訂了" "领养" "領養";
    ZH_RULES = "以后" "以後" "从现在开始" "從現在開始" "从现在起" "從現在起" "今后" "今後" "往后" "往後" "每次" "永远"
        "永遠" "始终" "始終" "一律" "总是" "總是" "请都" "請都" "下次";
    ZH_RULE_VERBS = "请" "請" "用" "叫我" "称呼" "稱呼" "不要" "别" "別" "回答" "回复" "回覆" "说" "說" "给我" "給我"
        "写" "寫" "要";
    ZH_REMIND = "提醒我" "待办" "待辦" "加到清单" "加到清單" "列入待";
    ZH_MUST = "我得" "我要" "我需要" "我必须" "我必須" "我应该" "我應該" "我该" "我該" "我们要" "我們要" "我们得"
        "我們得" "别忘了" "別忘了" "记得" "記得" "截止" "截稿" "要交" "预约了" "預約了" "我约了" "我約了" "有个会"
        "有個會" "要开会" "要開會" "要去" "我答应" "我答應";
    ZH_TIMES = "今天" "明天" "后天" "後天" "今晚" "明早" "明晚" "下周" "下週" "下个月" "下個月" "这周" "這週" "本周"
        "本週" "周一" "周二" "周三" "周四" "周五" "周六" "周日" "週一" "週二" "週三" "週四" "週五" "週六" "週日"
        "星期" "礼拜" "禮拜" "周末" "週末" "月底" "年底" "之前" "以前" "截止" "号" "號" "点" "點" "日前" "明年";

    /// Asks, in Japanese, at a sentence's end.
    JA_ASKS_END = "か" "かな" "かしら" "の" "っけ" "だろう" "でしょう" "教えて" "教えてください" "教えて下さい";
    JA_ASKS = "ですか" "ますか" "どうやって" "なぜ" "どうして" "何ですか" "どこ" "いつですか" "誰" "どれ" "どう思"
        "について教え";
    JA_SUPPOSES = "もし" "仮に" "としたら" "とすれば" "たとえば" "例えば" "かもしれ" "かも。" "たぶん" "多分"
        "想像して" "だったら" "であれば" "ならば";
    JA_REPORTS = "と言って" "って言って" "と言った" "と言われ" "って言われ" "らしい" "だそうです" "そうです。彼"
        "によると" "彼は" "彼女は" "彼が" "彼女が" "友達" "友人" "知人" "みんな" "人たち" "あの人" "同僚";
    JA_WORKS = "翻訳して" "訳して" "添削" "要約して" "書き換えて" "校正" "ふりをして" "演じて" "以下の文" "次の文"
        "文を書いて" "小説を";
    JA_KIN = "妻" "夫" "母" "父" "息子" "娘" "兄" "弟" "姉" "妹" "祖母" "祖父" "うちの" "我が家" "彼氏" "家族" "犬"
        "猫" "会社" "チーム";
    JA_PREFERS = "が好き" "は好き" "も好き" "のが好き" "大好き" "が嫌い" "は嫌い" "大嫌い" "が苦手" "は苦手" "も苦手"
        "方が好" "ほうが好" "ほうがいい" "派です" "派だ" "派なんです" "にハマって" "にはまって" "お気に入りは"
        "趣味は" "の好みは" "食べられません" "食べられない" "飲めません" "飲めない" "好物";
    JA_PASSING = "これ" "それ" "あなたの" "あなたが" "この回答" "この案" "さっきの" "その方がいい" "そのほうがいい";
    JA_PROFILE = "名前は" "と申します" "に住んで" "に住み" "在住" "出身" "で働いて" "に勤め" "勤務して" "歳です"
        "歳になり" "才です" "誕生日は" "職業は" "仕事は" "生まれ" "に通って" "専攻" "母語は" "会社員" "に引っ越し"
        "独身" "結婚して" "勉強して" "電話番号は" "メールアドレスは" "住所は" "利き" "血液型" "菜食" "ベジタリアン"
        "ヴィーガン";
    JA_JOBS = "エンジニア" "教師" "学生" "看護師" "医者" "医師" "主婦" "主夫" "公務員" "デザイナー" "フリーランス"
        "開発者" "プログラマー" "弁護士" "研究者" "先生" "店長" "経営" "ライター" "営業";
    JA_FACTS = "アレルギー" "飼って" "飼い始め" "を使って" "を持って" "を買いました" "を買った" "がいます" "がいて"
        "と暮らして" "乗って" "覚えておいて" "覚えてて" "毎朝" "毎日" "毎週" "服用して" "持病";
    JA_SELF = "私" "僕" "俺" "わたし" "ぼく" "自分" "うち" "我が家" "弊社";
    JA_RULES = "これから" "今後" "いつも" "常に" "必ず" "毎回" "今から" "次から";
    JA_RULE_ENDS = "ください" "下さい" "てほしい" "てね" "でね" "ないで" "お願いします" "と呼んで";
    JA_REMIND = "リマインド" "忘れないように" "思い出させて" "やること" "todo" "覚えておくこと" "通知して";
    JA_MUST = "しなきゃ" "しなければ" "しないと" "なきゃ" "なければなら" "ないといけ" "締め切り" "締切" "〆切"
        "までに" "予定です" "予定が" "予約が" "予約して" "約束が" "会議が" "面接が" "必要がある" "必要があり" "提出"
        "行きます" "することになって";
    JA_TIMES = "今日" "明日" "明後日" "あさって" "今夜" "今晩" "来週" "来月" "今週" "月曜" "火曜" "水曜" "木曜" "金曜"
        "土曜" "日曜" "週末" "月末" "年末" "までに" "時に" "時から" "月" "日に" "来年" "締め切り" "締切";

    /// Asks, in Korean, at a sentence's end.
    KO_ASKS_END = "까요" "나요" "가요" "까" "니" "냐" "인가" "는가" "은가" "을까" "알려 줘" "알려줘" "알려주세요"
        "알려 주세요" "설명해 줘" "설명해줘" "설명해 주세요";
    KO_ASKS = "어떻게" "무엇" "뭐가" "뭐예요" "왜 " "어디" "누가" "누구" "몇 시" "얼마나" "어떤가";
    KO_SUPPOSES = "만약" "만일" "라면" "다면" "가정" "예를 들" "혹시" "아마" "것 같" "지도 모";
    KO_REPORTS = "라고 말" "라고 했" "다고 했" "다고 말" "다고 해" "대요" "에 따르면" "그는" "그녀는" "그가" "친구"
        "사람들" "동료" "누군가";
    KO_WORKS = "번역" "교정" "요약해" "다듬어" "역할" "인 척" "다음 문장" "다음 글" "아래 글" "글을 써" "고쳐 줘";
    KO_KIN = "아내" "남편" "엄마" "아빠" "어머니" "아버지" "딸" "아들" "동생" "언니" "누나" "오빠" "형은" "형이"
        "할머니" "할아버지" "여자친구" "남자친구" "강아지" "고양이" "우리 " "저희 ";
    KO_PREFERS = "좋아해" "좋아합니다" "좋아하" "좋아한" "싫어해" "싫어합니다" "싫어하" "싫어한" "선호" "즐겨"
        "즐깁니다" "최애" "취향" "못 먹" "안 먹" "안 마셔" "못 마셔" "질색" "편이에요" "편입니다" "취미는" "더 좋";
    KO_PASSING = "이거" "그거" "이게" "그게" "당신" "네 답" "이 답" "그 답";
    KO_PROFILE = "이름은" "라고 합니다" "라고 해요" "에 살" "에서 살" "에 거주" "에서 일" "에서 근무" "에 다니"
        "에 다녀" "출신" "태어났" "살입니다" "살이에요" "세입니다" "생일은" "직업은" "전공" "모국어" "이사했" "미혼"
        "기혼" "결혼했" "전화번호는" "이메일은" "주소는" "공부하고 있" "배우고 있" "혈액형" "채식";
    KO_JOBS = "개발자" "선생님" "교사" "학생" "간호사" "의사" "회사원" "디자이너" "변호사" "엔지니어" "공무원"
        "연구원" "프리랜서" "주부" "작가" "기자" "프로그래머" "대학원생";
    KO_FACTS = "알레르기" "알러지" "키우" "키워" "기르" "가지고 있" "샀어" "샀습니다" "쓰고 있" "사용하고"
        "사용합니다" "써요" "기억해" "매일" "매주" "복용" "앓고" "있어요" "있습니다";
    KO_SELF = "저는" "나는" "전 " "난 " "제가" "내가" "제 " "내 " "우리" "저희" "저한테" "나한테";
    KO_RULES = "앞으로" "항상" "언제나" "이제부터" "지금부터" "매번" "다음부터" "반드시";
    KO_RULE_ENDS = "주세요" "줘" "마세요" "마" "불러" "바랍니다" "부탁해" "부탁드립니다" "해라" "하세요";
    KO_REMIND = "리마인드" "잊지 말" "잊지 않게" "까먹지" "상기시켜" "할 일" "알림 설정" "알림을 설정";
    KO_MUST = "해야 해" "해야 돼" "해야 합니다" "해야 한다" "해야 해요" "해야 돼요" "해야지" "야 해" "야 돼"
        "야 합니다" "마감" "예약이 있" "예약했" "약속이 있" "회의가 있" "면접이 있" "시험이 있" "제출" "가야"
        "예정입니다" "예정이에요";
    KO_TIMES = "오늘" "내일" "모레" "오늘 밤" "다음 주" "다음주" "다음 달" "다음달" "이번 주" "이번주" "월요일"
        "화요일" "수요일" "목요일" "금요일" "토요일" "일요일" "주말" "월말" "연말" "까지" "시에" "월 " "일에" "내년"
        "마감";
}
