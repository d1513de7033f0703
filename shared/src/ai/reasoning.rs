//! Takes a model's reasoning out of its answer, however the answer is cut.
//!
//! Reasoning is a block at the beginning of an answer, `<think>…</think>` (also `thinking`, `reasoning`, `thought`),
//! or several in a row; where the answer has begun, an opening tag is a word of the answer. So do the servers that
//! separate the two themselves (Ollama's `thinking/parser.go`). A block that is never closed is reasoning to its end.
//!
//! Some templates open the block in the prompt (DeepSeek R1), and then the answer has a closing tag alone. All before
//! the first one is reasoning, unless an opening tag stood there. A stream that has handed on words is void when that
//! turns out; from then on streams of that model are held back up to the tag, until one comes to its end without any.

/// The names of the tags.
const NAMES: [&str; 4] = ["think", "thinking", "reasoning", "thought"];

/// What a tag can be.
#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Opening(&'static str),
    Closing(&'static str),
}

/// Splits an answer as it comes. What it holds back is a part of a tag, or white space at the beginning.
pub(super) struct Splitter {
    state: State,
    held: String,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing of the answer has come; `true` if a block has.
    Beginning(bool),
    /// In the block of this tag.
    Inside(&'static str),
    /// In a block that the template has opened, as far as anybody knows.
    Presumed,
    /// In the answer. A closing tag alone would say that it was none.
    Unsure,
    /// In the answer, to its end.
    Answer,
}

/// What came of more text.
#[derive(Debug, PartialEq)]
pub(super) enum Split {
    /// The next part of the answer, or nothing yet.
    Text(String),
    /// All parts so far were reasoning; this is how the answer begins, if it has.
    Anew(String),
}

impl Splitter {
    /// `begins_inside`: the template is known to open the reasoning.
    pub(super) fn new(begins_inside: bool) -> Splitter {
        let state = if begins_inside { State::Presumed } else { State::Beginning(false) };
        Splitter { state, held: String::new() }
    }

    /// Takes more text.
    pub(super) fn push(&mut self, text: &str) -> Split {
        self.held.push_str(text);
        let (mut out, mut is_anew) = (String::new(), false);
        loop {
            match self.state {
                State::Beginning(was_inside) => {
                    let rest = self.held.trim_start().len();
                    self.held.drain(..self.held.len() - rest);
                    match tag_at(&self.held) {
                        Some((Tag::Opening(name), length)) => self.go(length, State::Inside(name)),
                        Some((Tag::Closing(_), length)) => self.go(length, State::Beginning(true)),
                        None if rest == 0 || may_become_tag(&self.held) => break,
                        None if was_inside => self.state = State::Answer,
                        None => self.state = State::Unsure,
                    }
                }
                State::Inside(name) => match find(&self.held, |tag| tag == Tag::Closing(name)) {
                    Some((at, _, length)) => self.go(at + length, State::Beginning(true)),
                    None => {
                        let kept = self.held.len() - partial(&self.held);
                        self.held.drain(..kept);
                        break;
                    }
                },
                // It may be the answer after all, so it is kept whole.
                State::Presumed => match find(&self.held, |tag| matches!(tag, Tag::Closing(_))) {
                    _ if matches!(tag_at(self.held.trim_start()), Some((Tag::Opening(_), _))) => {
                        self.state = State::Beginning(false);
                    }
                    Some((at, _, length)) => self.go(at + length, State::Beginning(true)),
                    None => break,
                },
                State::Unsure => match find(&self.held, |_| true) {
                    Some((_, Tag::Opening(_), _)) => self.state = State::Answer,
                    Some((at, Tag::Closing(_), length)) => {
                        out.clear();
                        is_anew = true;
                        self.go(at + length, State::Beginning(true));
                    }
                    None => {
                        let ready = self.held.len() - partial(&self.held);
                        out.extend(self.held.drain(..ready));
                        break;
                    }
                },
                State::Answer => {
                    out.push_str(&std::mem::take(&mut self.held));
                    break;
                }
            }
        }
        if is_anew { Split::Anew(out) } else { Split::Text(out) }
    }

    /// What is still to be handed on at the end; `is_cut` if the answer's length was used up.
    pub(super) fn end(&mut self, is_cut: bool) -> String {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Inside(_) => String::new(),
            // Cut off before the tag that would have ended it; or the beginning of a tag.
            State::Presumed | State::Beginning(_) if is_cut => String::new(),
            State::Presumed => held.trim_start().to_owned(),
            _ => held,
        }
    }

    /// Whether the whole of the answer is held back for a tag that has not come.
    pub(super) fn waits_for_closing(&self) -> bool {
        self.state == State::Presumed
    }

    /// Bytes held back.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    fn go(&mut self, length: usize, state: State) {
        self.held.drain(..length);
        self.state = state;
    }
}

/// The tag that the text begins with, and its length.
fn tag_at(text: &str) -> Option<(Tag, usize)> {
    let rest = text.strip_prefix('<')?;
    let (is_closing, name) = match rest.strip_prefix('/') {
        Some(name) => (true, name),
        None => (false, rest),
    };
    let name = name.split_once('>')?.0;
    let known = NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
    let length = name.len() + if is_closing { 3 } else { 2 };
    Some((if is_closing { Tag::Closing(known) } else { Tag::Opening(known) }, length))
}

/// The first tag of those: where it is, what, and its length.
fn find(text: &str, is_meant: impl Fn(Tag) -> bool) -> Option<(usize, Tag, usize)> {
    text.match_indices('<').find_map(|(at, _)| {
        let (tag, length) = tag_at(&text[at..])?;
        is_meant(tag).then_some((at, tag, length))
    })
}

/// Whether more text could make a tag of this, which begins with `<` and is no tag.
fn may_become_tag(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('<') else { return false };
    let name = rest.strip_prefix('/').unwrap_or(rest);
    NAMES.iter().any(|known| known.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

/// The length of the end of a text that may become a tag.
fn partial(text: &str) -> usize {
    let last = text.rfind('<').map(|at| &text[at..]);
    last.filter(|end| may_become_tag(end)).map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is handed on of an answer in these pieces.
    fn shown(pieces: &[&str], begins_inside: bool, is_cut: bool) -> String {
        let mut splitter = Splitter::new(begins_inside);
        let mut shown = String::new();
        for piece in pieces {
            match splitter.push(piece) {
                Split::Text(text) => shown.push_str(&text),
                Split::Anew(text) => shown = text,
            }
        }
        shown + &splitter.end(is_cut)
    }

    const ANSWERS: [(&str, &str); 17] = [
        ("你好, Ada", "你好, Ada"),
        ("<think>secret 想</think>\n\n你好", "你好"),
        ("\n <Think>secret</THINK>你好", "你好"),
        ("<thinking>a</think>secret</thinking>b", "b"),
        ("<reasoning>secret</reasoning> <think>secret</think> b", "b"),
        ("<think></think>b", "b"),
        ("<think>secret", ""),
        ("<think>secret</thin", ""),
        ("</think>\nb", "b"),
        ("secret, a < b\n</think>\n\nb </thinking> c", "b </thinking> c"),
        ("<think>secret</think>b <think>c</think> d", "b <think>c</think> d"),
        ("Put <think> and </think> around it", "Put <think> and </think> around it"),
        ("1 < 2 <b>x</b> </thin> <", "1 < 2 <b>x</b> </thin> <"),
        ("<thinker>b", "<thinker>b"),
        ("<th", "<th"),
        (" \n", ""),
        ("<think>secret <think> secret</think>b", "b"),
    ];

    #[test]
    fn only_the_answer_is_handed_on_however_it_is_cut() {
        for (text, answer) in ANSWERS {
            let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            assert_eq!(shown(&[text], false, false), answer, "{text}");
            for first in &cuts {
                for second in cuts.iter().filter(|second| *second >= first) {
                    let pieces = [&text[..*first], &text[*first..*second], &text[*second..]];
                    assert_eq!(shown(&pieces, false, false), answer, "{pieces:?}");
                }
            }
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(shown(&letters, false, false), answer, "{text}");
        }
    }

    #[test]
    fn a_model_that_begins_inside_is_held_back_to_the_tag_or_the_end() {
        assert_eq!(shown(&["secret", "</thi", "nk>", " b", " c"], true, false), "b c");
        assert_eq!(shown(&["<think>secret</think>", "b"], true, false), "b");
        assert_eq!(shown(&["secret <think> se", "cret</think>b"], true, false), "b");
        assert_eq!(shown(&[" no reason", "ing"], true, false), "no reasoning");
        assert_eq!(shown(&["secret"], true, true), "", "the length was used up before the tag");
        assert_eq!(shown(&["<thin"], false, true), "");
    }

    #[test]
    fn nothing_but_a_part_of_a_tag_is_held_back() {
        let mut splitter = Splitter::new(false);
        for (piece, text) in [
            (" ", ""),
            ("a <", "a "),
            ("b", "<b"),
            ("</think", ""),
            ("er", "</thinker"),
            ("<THOUGHT", ""),
            (">", "<THOUGHT>"),
            ("</thought> x", "</thought> x"),
            ("<", "<"),
        ] {
            assert_eq!(splitter.push(piece), Split::Text(text.to_owned()), "{piece}");
        }
    }

    #[test]
    fn what_turns_out_to_be_reasoning_is_void() {
        let mut splitter = Splitter::new(false);
        assert_eq!(splitter.push("secret"), Split::Text("secret".to_owned()));
        assert_eq!(splitter.push(" more</think"), Split::Text(" more".to_owned()));
        assert_eq!(splitter.push(">b"), Split::Anew("b".to_owned()));
        assert_eq!(splitter.push("</think>"), Split::Text("</think>".to_owned()));
    }
}
