use super::super::*;
#[test]
fn look() {
    let text = "# Title\n\nHello **bold *both* b** and `a<b` [link](https://x.y/a_b?c=1&d) <https://auto.link> snake_case_name foo**bar**baz\nline two\n\n- one\n- two\n  - nested\n    more\n  - [x] done\n\n3. three\n4. four\n\n   para\n\n> quote\n> - in list\n>\n> > inner\n\n```rust,ignore\nfn main() {}\n```\n\n| a | 漢字 |\n|--:|---|\n| 1 | **b** |\n| 22 | `x` |\n\n---\n<div>raw **html**</div>\n\n[bad](javascript:alert(1)) ![img](https://i.mg/p.png) 5 * 3 @everyone <@1>\n\n[1]: https://unused.example\n";
    println!("{}\n=====", render(text, &telegram_html()));
    println!("{}\n=====", render(text, &discord()));
    println!("{}\n=====", render(text, &slack_mrkdwn()));
    println!("{}\n=====", render(text, &html()));
    println!("{}\n=====", render(text, &plain()));
    for piece in split(text, 100, &|piece| render(piece, &plain()).chars().count()) {
        println!("[[[{piece}]]]");
    }
}
