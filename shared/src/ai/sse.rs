//! Server-sent events, parsed as their bytes arrive.
//!
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>, of which a model's stream uses `data`,
//! and some providers an `event` named `error`. The crates for this either do not bound what they buffer or are no
//! longer kept.

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub data: String,
    /// It is named `error`.
    pub is_error: bool,
}

/// Turns chunks of bytes, cut anywhere, into events.
#[derive(Default)]
pub(super) struct Events {
    /// Bytes of the line that is not yet complete.
    line: Vec<u8>,
    /// The `data` of the event that is not yet complete.
    data: Option<String>,
    /// Whether that event is named `error`.
    is_error: bool,
    /// Whether the last byte was a carriage return; a line feed after it belongs to it.
    after_return: bool,
}

impl Events {
    /// Takes a chunk and gives each event that it completes.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in chunk {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        events
    }

    /// Bytes of an event that is not yet complete.
    pub(super) fn pending(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, String::len)
    }

    /// The event that this line completes, if it is the blank one at an event's end.
    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let is_error = std::mem::take(&mut self.is_error);
            return self.data.take().map(|data| Event { data, is_error });
        }
        // A line is complete, so no character is cut in two here; a bad byte becomes the replacement character.
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_start_matches('\u{feff}');
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        if field == "event" {
            self.is_error = value == "error";
        } else if field == "data" {
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Events;

    const STREAM: &str =
        "\u{feff}: hello\n\nevent: x\ndata: 一\r\ndata:two\r\rid: 3\ndata:  three\n\ndata\n\ndata: cut off";

    fn events<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let mut parser = Events::default();
        chunks.flat_map(|chunk| parser.push(chunk)).map(|event| event.data).collect()
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let whole = ["一\ntwo", " three", ""];
        for size in 1..=STREAM.len() {
            assert_eq!(events(STREAM.as_bytes().chunks(size)), whole, "chunks of {size}");
        }
    }

    #[test]
    fn a_comment_or_another_field_is_no_event() {
        assert!(events([b": ping\n\nevent: end\nid: 1\n\n".as_slice()].into_iter()).is_empty());
    }

    #[test]
    fn an_error_is_told_by_its_name_and_the_next_event_is_none() {
        let events = Events::default()
            .push(b"event: error\ndata: one\n\ndata: two\n\nevent: error\n\ndata: three\n\n");
        let told: Vec<_> = events.iter().map(|event| (event.data.as_str(), event.is_error)).collect();
        assert_eq!(told, [("one", true), ("two", false), ("three", false)]);
    }
}
