//! The statements that a client sent, as a script for `psql` and `pgbench`: what is compared is the same text.
//!
//! Message formats: <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use anyhow::{Context, Result, bail};
use jiff::{ToSpan, civil};
use uuid::Uuid;

/// The statements of everything that the client sent over one connection, with their parameters written in.
///
/// # Errors
/// When a message is cut short, or a parameter has a type that is not known here.
pub(super) fn of(sent: &[u8]) -> Result<Vec<String>> {
    let mut parsed: Option<(String, Vec<u32>)> = None;
    let mut statements = Vec::new();
    for (kind, mut body) in messages(sent)? {
        match kind {
            // Query: several statements at once, without parameters or quotes in what is sent here.
            b'Q' => statements.extend(body.text()?.split(';').map(|one| one.trim().to_owned())),
            b'P' => {
                let _name = body.text()?;
                let statement = body.text()?;
                let types = (0..body.short()?).map(|_| body.int()).collect::<Result<_>>()?;
                parsed = Some((statement, types));
            }
            b'B' => {
                let (statement, types) = parsed.take().context("parameters without a statement")?;
                statements.push(with_parameters(statement, &body.parameters(&types)?));
            }
            _ => {}
        }
    }
    statements.retain(|statement| !statement.is_empty());
    Ok(statements)
}

/// The same as they were written, for parameters of any type: `$1` stands where one is, and several at once stay one text.
///
/// # Errors
/// When a message is cut short.
pub(super) fn texts(sent: &[u8]) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for (kind, mut body) in messages(sent)? {
        if kind == b'P' {
            let _name = body.text()?;
        }
        if matches!(kind, b'P' | b'Q') {
            texts.push(body.text()?);
        }
    }
    Ok(texts)
}

/// The messages after the start-up packet: of each its type, and what it says.
fn messages(sent: &[u8]) -> Result<Vec<(u8, Reader<'_>)>> {
    // The start-up packet has no type byte.
    let length = Reader(sent).length()?;
    let mut rest = Reader(sent.get(length..).context("a start-up packet that is cut short")?);
    let mut messages = Vec::new();
    while let [kind, ..] = *rest.0 {
        rest.bytes(1)?;
        let length = rest.length()?;
        let mut body = Reader(rest.bytes(length)?);
        body.bytes(4)?;
        messages.push((kind, body));
    }
    Ok(messages)
}

/// `$1` and so on replaced by their values, the last first, so that `$1` does not match the beginning of `$10`.
fn with_parameters(mut statement: String, values: &[String]) -> String {
    for (index, value) in values.iter().enumerate().rev() {
        statement = statement.replace(&format!("${}", index + 1), value);
    }
    statement
}

/// What is left of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("a message that is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    /// The length that stands next, without taking it.
    fn length(&self) -> Result<usize> {
        Ok(usize::try_from(Reader(self.0).int()?)?)
    }

    fn int(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.bytes(4)?.try_into()?))
    }

    fn short(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.bytes(2)?.try_into()?))
    }

    fn text(&mut self) -> Result<String> {
        let end = self.0.iter().position(|byte| *byte == 0).context("a text without an end")?;
        let text = String::from_utf8(self.bytes(end)?.to_vec())?;
        self.bytes(1)?;
        Ok(text)
    }

    /// The parameters of a Bind message as literals; all are sent in binary.
    fn parameters(&mut self, types: &[u32]) -> Result<Vec<String>> {
        self.text()?;
        self.text()?;
        let formats = self.short()?;
        self.bytes(2 * usize::from(formats))?;
        let count = self.short()?;
        let types = types.iter().copied().chain(std::iter::repeat(0));
        (0..count)
            .zip(types)
            .map(|(_, kind)| {
                let length = self.int()?;
                if length == u32::MAX {
                    return Ok("null".to_owned());
                }
                literal(kind, self.bytes(length as usize)?)
            })
            .collect()
    }
}

/// A value as SQL. The numbers are the OIDs of PostgreSQL's `pg_type.dat`.
fn literal(kind: u32, value: &[u8]) -> Result<String> {
    Ok(match kind {
        25 => format!("'{}'", std::str::from_utf8(value)?.replace('\'', "''")),
        20 => i64::from_be_bytes(value.try_into()?).to_string(),
        2950 => format!("'{}'::uuid", Uuid::from_slice(value)?),
        1082 => {
            let days = i32::from_be_bytes(value.try_into()?);
            format!("'{}'::date", civil::date(2000, 1, 1).checked_add(days.days())?)
        }
        other => bail!("a parameter of the type {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn statements_come_with_their_parameters() {
        let id = Uuid::from_u128(1);
        let parse = message(b'P', b"\0select $1, $2\0\0\x02\0\0\x0b\x86\0\0\x04\x3a");
        let bind =
            [b"\0\0\0\x01\0\x01\0\x02\0\0\0\x10".as_slice(), id.as_bytes(), &[0, 0, 0, 4, 0, 0, 0, 31]];
        let sent = [
            b"\0\0\0\x08\0\x03\0\0".to_vec(),
            message(b'p', b"secret\0"),
            message(b'Q', b"begin; set local role praxis_request\0"),
            parse,
            message(b'B', &bind.concat()),
            message(b'S', b""),
            message(b'X', b""),
        ];
        assert_eq!(
            of(&sent.concat()).unwrap(),
            [
                "begin",
                "set local role praxis_request",
                "select '00000000-0000-0000-0000-000000000001'::uuid, '2000-02-01'::date"
            ]
        );
        assert_eq!(texts(&sent.concat()).unwrap(), ["begin; set local role praxis_request", "select $1, $2"]);
    }
}
