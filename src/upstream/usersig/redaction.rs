//! Takes a UserSig out of what came from elsewhere, in case it was sent back: unchanged, percent-encoded, or decoded, where
//! its signature alone is the secret.

use std::borrow::Cow;

use bytes::Bytes;
use contract::wire::repair;
use memchr::memmem;
use serde_json::Value;

const REDACTED: &str = "[redacted]";
/// Runs of letters and digits this long or longer name a secret. They are the same in every spelling.
const TELLING_RUN: usize = 8;

/// The secrets of one UserSig.
pub struct Secrets {
    /// The UserSig, and the signature in it.
    texts: [String; 2],
    /// What a text that holds one of them has in it.
    marks: Vec<String>,
}

impl Secrets {
    pub fn new(usersig: &str, signature: &str) -> Self {
        let texts = [usersig.to_owned(), signature.to_owned()];
        let runs = texts.iter().filter_map(|text| {
            let runs = text.split(|c: char| !c.is_ascii_alphanumeric());
            runs.max_by_key(|run| run.len()).filter(|run| run.len() >= TELLING_RUN).map(str::to_owned)
        });
        // The last ones: a URL's query in its spellings, and letters that are encoded too.
        let query = ["sig=", "sig%3", "Sig=", "Sig%3", "SIG=", "SIG%3", "TLS.sig", "%65%4", "\\u0065\\u004"];
        let marks = runs.chain(query.map(str::to_owned)).collect();
        Self { texts, marks }
    }

    /// A reply without them.
    pub fn redact_reply(&self, reply: Bytes) -> Bytes {
        if !self.marks.iter().any(|mark| memmem::find(&reply, mark.as_bytes()).is_some()) {
            return reply;
        }
        let value = serde_json::from_slice::<Value>(&reply).ok();
        // Texts that are not clean are read all the same, so they are looked through as they will be read.
        let value = value.or_else(|| serde_json::from_str(&repair(&reply)?.0).ok());
        let Some(mut value) = value else {
            return Bytes::from(self.redact(&String::from_utf8_lossy(&reply)).into_owned());
        };
        // What holds no secret stays as it stands, to the last digit.
        if self.redact_value(&mut value, false) { Bytes::from(value.to_string()) } else { reply }
    }

    /// Whether it held a secret. `reason`: it is the text of an error.
    fn redact_value(&self, value: &mut Value, reason: bool) -> bool {
        match value {
            Value::String(text) => {
                let clean = match self.redact(text) {
                    // The rest of a URL's query is secret as well. Users may write what they like.
                    clean if reason && is_query(&clean) => REDACTED.to_owned(),
                    Cow::Owned(clean) => clean,
                    Cow::Borrowed(_) => return false,
                };
                *text = clean;
                true
            }
            Value::Array(items) => {
                let mut found = false;
                for item in items {
                    found |= self.redact_value(item, reason);
                }
                found
            }
            Value::Object(fields) => {
                let mut found = false;
                for (key, field) in fields {
                    found |= self.redact_value(field, reason || key.contains("Err"));
                }
                found
            }
            _ => false,
        }
    }

    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = String::new();
        let (mut kept, mut at) = (0, 0);
        while at < text.len() {
            match self.texts.iter().find_map(|secret| spelling(&text.as_bytes()[at..], secret)) {
                Some(length) => {
                    clean.push_str(&text[kept..at]);
                    clean.push_str(REDACTED);
                    at += length;
                    kept = at;
                }
                None => at += 1,
            }
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        clean.push_str(&text[kept..]);
        Cow::Owned(clean)
    }
}

/// How many bytes of a text spell a secret from its beginning; each character may be percent-encoded or escaped.
fn spelling(text: &[u8], secret: &str) -> Option<usize> {
    let mut rest = text;
    for byte in secret.bytes() {
        rest = match rest {
            [first, rest @ ..] if *first == byte => rest,
            [b'\\', first, rest @ ..] if *first == byte => rest,
            [b'%', high, low, rest @ ..] if hex(*high, *low) == Some(byte) => rest,
            _ => return None,
        };
    }
    Some(text.len() - rest.len())
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Whether a text holds the query of a URL with a UserSig.
fn is_query(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("usersig=") || text.contains("usersig%3d")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USERSIG: &str = "eJwtzLEKwjAQBuB36exyR0-R*abc_defghijkLMNOP";
    const SIGNATURE: &str = "Xy12345678abcdef/gh+ijk=";

    fn clean(text: &str) -> Value {
        let reply = json!({"ErrorCode": 1, "List": [{"ErrorInfo": text}]}).to_string();
        let reply = Secrets::new(USERSIG, SIGNATURE).redact_reply(Bytes::from(reply));
        serde_json::from_slice::<Value>(&reply).unwrap()["List"][0]["ErrorInfo"].clone()
    }

    #[test]
    fn every_spelling_is_taken_out() {
        let some = USERSIG.replace('*', "%2a").replace('-', "%2D");
        let all: String = USERSIG.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for spelt in [USERSIG, &some, &all, &all.to_lowercase(), SIGNATURE] {
            assert_eq!(clean(&format!("bad {spelt}, 群\n")), "bad [redacted], 群\n");
        }
        assert_eq!(clean("bad {\"TLS.sig\":\"Xy12345678abcdef\\/gh+ijk=\"}"), "bad {\"TLS.sig\":\"[redacted]\"}");
    }

    /// Half an emoji does not keep a secret from being found.
    #[test]
    fn a_text_that_is_not_clean_is_looked_through() {
        let reply = br#"{"ErrorCode":1,"ErrorInfo":"usersig=abc \ud83d"}"#;
        let reply = Secrets::new(USERSIG, SIGNATURE).redact_reply(Bytes::from_static(reply));
        assert_eq!(serde_json::from_slice::<Value>(&reply).unwrap()["ErrorInfo"], REDACTED);
    }

    /// A message may speak of a query; it is nobody's secret, and stays to the last digit.
    #[test]
    fn what_users_write_stays() {
        let reply = Bytes::from_static(br#"{"ErrorCode":0,"Text":"?usersig=abc","N":1.50}"#);
        assert_eq!(Secrets::new(USERSIG, SIGNATURE).redact_reply(reply.clone()), reply);
    }

    #[test]
    fn a_text_with_a_query_is_dropped() {
        for text in ["POST /v4/a?usersig=abc&random=1", "UserSig%3Dabc", &format!("usersig={USERSIG}")] {
            assert_eq!(clean(text), "[redacted]", "{text}");
        }
    }

    #[test]
    fn other_replies_stay_as_they_are() {
        let reply = Bytes::from_static(br#"{"ErrorCode":0,"Number":1.50,"Text":"50% of 100%"}"#);
        assert_eq!(Secrets::new(USERSIG, SIGNATURE).redact_reply(reply.clone()), reply);
    }
}
