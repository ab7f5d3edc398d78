//! Comparison of two events, with their differences in words.

use airlock_protocol::{
    Event,
    commands::{
        adapter::{Capabilities, FeatureName, LimitName},
        error::GpuError,
        shader::{CompilationMessage, CompilationMessageType},
    },
    limits::cut,
};

use super::place::Place;
use crate::file::header::Adapter;

/// Bytes of one side of a divergence in words.
const MAX_TEXT: usize = 16 << 10;

/// The strictness of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// This build made the trace: texts are compared, too.
    pub ours: bool,
    /// The place of the replay.
    pub place: Place,
    /// A probe has requested a device with more capabilities.
    pub probed: bool,
}

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No difference.
    Same,
    /// A permitted difference, with its reason.
    May {
        /// The differences.
        what: String,
        /// The reason.
        why: &'static str,
    },
    /// A divergence.
    Differs {
        /// The recorded side.
        expected: String,
        /// The side of this replay.
        found: String,
    },
}

/// The reason why messages may differ.
const ANOTHER_VERSION: &str = "another version recorded the trace";

impl Rules {
    /// True where messages must be the same: another processor rounds differently, but has the same messages.
    fn exact(self) -> bool {
        self.ours && self.place < Place::AnotherAdapter
    }

    /// The reason why a difference is permitted.
    fn excuse(self) -> &'static str {
        if self.place < Place::AnotherAdapter { ANOTHER_VERSION } else { self.place.excuse() }
    }

    fn judge(self, what: impl FnOnce() -> String, recorded: &Event<'_>, found: &Event<'_>) -> Verdict {
        if self.exact() {
            Verdict::Differs { expected: describe(recorded), found: describe(found) }
        } else {
            Verdict::May { what: what(), why: self.excuse() }
        }
    }
}

/// Compares a recorded event with the one of the replay.
pub(super) fn judge(recorded: &Event<'_>, found: &Event<'_>, rules: Rules) -> Verdict {
    match (recorded, found) {
        (Event::AdapterReply { result: Ok(a), .. }, Event::AdapterReply { result: Ok(b), .. }) => {
            capabilities("adapter", a, b, rules)
        }
        (Event::DeviceReply { result: Ok(a), .. }, Event::DeviceReply { result: Ok(b), .. }) => {
            capabilities("device", a, b, rules)
        }
        (Event::AdapterList { adapters: a, .. }, Event::AdapterList { adapters: b, .. }) if a != b => {
            Verdict::May { what: "the list of adapters".to_owned(), why: "it is what a machine has" }
        }
        (Event::AdapterReply { result: Err(a), .. }, Event::AdapterReply { result: Err(b), .. }) if a != b => {
            let what = format!("why there is no adapter: {a:?}, now {b:?}");
            Verdict::May { what, why: "it names what a machine has" }
        }
        (Event::CompilationInfo { messages: a, .. }, Event::CompilationInfo { messages: b, .. }) if !rules.ours => {
            let failed = |messages: &[CompilationMessage]| {
                messages.iter().any(|message| message.ty == CompilationMessageType::Error)
            };
            match (a == b, failed(a) == failed(b)) {
                (true, _) => Verdict::Same,
                (false, true) => Verdict::May { what: "messages of the compiler".to_owned(), why: ANOTHER_VERSION },
                (false, false) => Verdict::Differs { expected: describe(recorded), found: describe(found) },
            }
        }
        (Event::Closed { reason: a }, Event::Closed { reason: b }) => closed(a, b, rules, (recorded, found)),
        _ => plain(recorded, found, rules),
    }
}

/// Compares without texts first, then the texts.
fn plain(recorded: &Event<'_>, found: &Event<'_>, rules: Rules) -> Verdict {
    let (mut a, mut b) = (recorded.clone(), found.clone());
    let (words_a, words_b) = (take_words(&mut a), take_words(&mut b));
    if a != b {
        return Verdict::Differs { expected: describe(recorded), found: describe(found) };
    }
    if words_a == words_b {
        return Verdict::Same;
    }
    let what = || format!("the words of {}: {:?}, now {:?}", recorded.name(), words_a.join("; "), words_b.join("; "));
    rules.judge(what, recorded, found)
}

/// Removes the human-readable texts from an event.
fn take_words(event: &mut Event<'_>) -> Vec<String> {
    let take = |text: &mut String| vec![std::mem::take(text)];
    match event {
        Event::AdapterReply { result: Err(text), .. } => take(text),
        Event::DeviceReply { result: Err(error), .. } => take(&mut error.message),
        Event::Mapped { result: Err(error), .. } => take(&mut error.message),
        Event::PipelineReply { result: Err(error), .. } => take(&mut error.message),
        Event::ScopePopped { result: Ok(Some(error)), .. } | Event::Uncaptured { error, .. } => {
            take(&mut error.message)
        }
        Event::DeviceLost { message, .. } => take(message),
        Event::CompilationInfo { messages, .. } => {
            messages.iter_mut().map(|message| std::mem::take(&mut message.message)).collect()
        }
        _ => Vec::new(),
    }
}

/// Compares ends of sessions: the command's number in the reason counts the replayer's own commands, too.
fn closed(a: &str, b: &str, rules: Rules, (recorded, found): (&Event<'_>, &Event<'_>)) -> Verdict {
    match (without_number(a), without_number(b)) {
        _ if a == b => Verdict::Same,
        (Some(a), Some(b)) if a == b => Verdict::Same,
        (Some(_), Some(_)) => rules.judge(|| format!("why the session ends: {a:?}, now {b:?}"), recorded, found),
        // A panic's message may contain addresses.
        _ => Verdict::May { what: format!("why the session ends: {a:?}, now {b:?}"), why: "they are a panic's words" },
    }
}

/// A reason without the number of the command that it names.
fn without_number(reason: &str) -> Option<&str> {
    Some(reason.strip_prefix("command ")?.split_once(' ')?.1)
}

fn capabilities(of: &str, a: &Capabilities, b: &Capabilities, rules: Rules) -> Verdict {
    let differences = capability_differences(a, b, rules.probed && of == "device");
    let side = |side: fn(&(String, String)) -> &str| differences.iter().map(side).collect::<Vec<_>>().join(", ");
    if differences.is_empty() {
        return Verdict::Same;
    }
    if rules.ours && rules.place == Place::Recorded {
        return Verdict::Differs { expected: side(|(expected, _)| expected), found: side(|(_, found)| found) };
    }
    let pairs: Vec<_> = differences.iter().map(|(expected, found)| format!("{expected}, now {found}")).collect();
    Verdict::May { what: format!("what the {of} can do: {}", pairs.join("; ")), why: rules.place.excuse() }
}

/// The recorded and the present values of the capabilities that differ.
fn capability_differences(a: &Capabilities, b: &Capabilities, more_is_fine: bool) -> Vec<(String, String)> {
    let mut differences = Vec::new();
    if a.info != b.info {
        let (x, y) = (Adapter::from(&a.info).describe(), Adapter::from(&b.info).describe());
        let alike = x == y;
        differences.push(if alike { (format!("{:?}", a.info), format!("{:?}", b.info)) } else { (x, y) });
    }
    for feature in FeatureName::ALL {
        let (name, none) = (feature.as_str().to_owned(), format!("no {}", feature.as_str()));
        match (a.features.contains(feature), b.features.contains(feature)) {
            (true, false) => differences.push((name, none)),
            (false, true) if !more_is_fine => differences.push((none, name)),
            _ => {}
        }
    }
    for &limit in LimitName::ALL.iter().filter(|&&limit| a.limits.get(limit) != b.limits.get(limit)) {
        let recorded = format!("{} {}", limit.as_str(), a.limits.get(limit));
        differences.push((recorded, b.limits.get(limit).to_string()));
    }
    differences
}

/// An event in words.
pub(super) fn describe(event: &Event<'_>) -> String {
    let error = |error: &GpuError| format!("{:?} error: {}", error.kind, error.message);
    let text = match event {
        Event::AdapterReply { result: Ok(found), .. } => Adapter::from(&found.info).describe(),
        Event::AdapterReply { result: Err(why), .. } => format!("no adapter: {why}"),
        Event::DeviceReply { result: Ok(_), .. } => "a device".to_owned(),
        Event::DeviceReply { result: Err(why), .. } => format!("no device, {:?}Error: {}", why.kind, why.message),
        Event::Mapped { result: Ok(()), .. } => "the buffer is mapped".to_owned(),
        Event::Mapped { result: Err(why), .. } => format!("{:?}Error: {}", why.kind, why.message),
        Event::PipelineReply { result: Ok(()), .. } => "a pipeline".to_owned(),
        Event::PipelineReply { result: Err(why), .. } => format!("{:?} error: {}", why.reason, why.message),
        Event::ScopePopped { result: Ok(None), .. } => "no error in the scope".to_owned(),
        Event::ScopePopped { result: Ok(Some(caught)), .. } => error(caught),
        Event::ScopePopped { result: Err(()), .. } => "no scope is open".to_owned(),
        Event::Uncaptured { device, error: caught } => format!("on Device {}, {}", device.0, error(caught)),
        Event::DeviceLost { device, reason, message } => {
            format!("Device {} is lost ({reason:?}): {message}", device.0)
        }
        Event::CompilationInfo { messages, .. } if messages.is_empty() => "no messages".to_owned(),
        Event::CompilationInfo { messages, .. } => {
            let line = |m: &CompilationMessage| format!("{:?} at {}:{}: {}", m.ty, m.line_num, m.line_pos, m.message);
            messages.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        Event::Closed { reason } => {
            format!("the worker ends the session: {}", without_number(reason).unwrap_or(reason))
        }
        Event::AdapterList { adapters, .. } => format!("{} adapters", adapters.len()),
        Event::WorkDone { .. } => "the work is done".to_owned(),
        other => other.name().to_owned(),
    };
    cut(&text, MAX_TEXT).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlock_protocol::{
        commands::error::ErrorFilter,
        events::{MapError, MapErrorKind},
        ids::{DeviceId, RequestId},
    };

    const OURS: Rules = Rules { ours: true, place: Place::Recorded, probed: false };
    const OLD: Rules = Rules { ours: false, ..OURS };
    const FOREIGN: Rules = Rules { place: Place::AnotherAdapter, ..OURS };

    fn uncaptured(kind: ErrorFilter, message: &str) -> Event<'static> {
        Event::Uncaptured { device: DeviceId(0), error: GpuError { kind, message: message.to_owned() } }
    }

    #[test]
    fn words_count_only_where_this_build_recorded() {
        let (a, b) = (uncaptured(ErrorFilter::Validation, "a"), uncaptured(ErrorFilter::Validation, "b"));
        assert_eq!(judge(&a, &a, OURS), Verdict::Same);
        let expected = "on Device 0, Validation error: a".to_owned();
        let found = "on Device 0, Validation error: b".to_owned();
        assert_eq!(judge(&a, &b, OURS), Verdict::Differs { expected, found });
        for rules in [OLD, FOREIGN] {
            assert!(matches!(judge(&a, &b, rules), Verdict::May { .. }));
        }
    }

    #[test]
    fn kinds_and_results_always_count() {
        let request = RequestId(1);
        let error = MapError { kind: MapErrorKind::Operation, message: String::new() };
        for (a, b) in [
            (uncaptured(ErrorFilter::Validation, ""), uncaptured(ErrorFilter::Internal, "")),
            (Event::Mapped { request, result: Ok(()) }, Event::Mapped { request, result: Err(error) }),
            (Event::ScopePopped { request, result: Ok(None) }, Event::ScopePopped { request, result: Err(()) }),
            (
                Event::AdapterReply { request, result: Err("none".to_owned()) },
                Event::AdapterReply { request, result: Ok(Box::default()) },
            ),
        ] {
            for rules in [OURS, OLD, FOREIGN] {
                assert!(matches!(judge(&a, &b, rules), Verdict::Differs { .. }), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn capabilities_may_differ_elsewhere() {
        let reply = |features: &[FeatureName]| {
            let found = Capabilities { features: features.to_vec(), ..Capabilities::default() };
            Event::DeviceReply { request: RequestId(1), result: Ok(Box::new(found)) }
        };
        let (less, more) = (reply(&[]), reply(&[FeatureName::TimestampQuery]));
        let (expected, found) = ("no timestamp-query".to_owned(), "timestamp-query".to_owned());
        assert_eq!(judge(&less, &more, OURS), Verdict::Differs { expected, found });
        assert!(matches!(judge(&less, &more, FOREIGN), Verdict::May { .. }));
        let probed = Rules { probed: true, ..OURS };
        assert_eq!(judge(&less, &more, probed), Verdict::Same);
        assert!(matches!(judge(&more, &less, probed), Verdict::Differs { .. }));
    }

    #[test]
    fn the_numbers_in_a_reason_do_not_count() {
        let closed = |reason: &str| Event::Closed { reason: reason.to_owned() };
        let (a, b) =
            (closed("command 3 (Submit): Buffer 1 is not alive"), closed("command 9 (Submit): Buffer 1 is not alive"));
        assert_eq!(judge(&a, &b, OURS), Verdict::Same);
        let other = closed("command 9 (Submit): Buffer 2 is not alive");
        assert!(matches!(judge(&a, &other, OURS), Verdict::Differs { .. }));
    }
}
